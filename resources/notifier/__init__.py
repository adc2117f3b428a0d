"""Notifying people: the receivers, what a message says, and what became of an attempt.

`callqa_assets.alerting.delivery` decides when to send what, and records it.
"""
