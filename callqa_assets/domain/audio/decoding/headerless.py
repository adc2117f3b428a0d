"""Sound without a header: only somebody who knows can say what codec and rate it is."""
