"""Speed: each module against a named peer."""
