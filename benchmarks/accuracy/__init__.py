"""How right: each module against recorded truth."""
