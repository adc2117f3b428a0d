"""Accuracy: each module against reference annotations."""
