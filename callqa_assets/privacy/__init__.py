"""Recordings for people who may hear them without personal data."""
