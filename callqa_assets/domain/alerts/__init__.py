"""Alerts once they have fired: identity, changes, volume, delivery, and what a message contains."""
