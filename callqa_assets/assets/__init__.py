"""The assets, one thin module each, and what they share."""
