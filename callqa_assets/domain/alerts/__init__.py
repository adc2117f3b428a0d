"""Alerts once they have fired: identity, changes, volume, and what a message may say of them."""
