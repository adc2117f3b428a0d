"""Delivery of alerts to their receivers; comparison of rules on stored calls."""
