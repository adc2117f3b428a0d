"""How fast: each module against a named peer."""
