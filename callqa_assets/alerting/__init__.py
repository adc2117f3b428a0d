"""Alerts on their way to people, and what other rules would have found."""
