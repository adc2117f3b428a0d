"""Notifying people: the receivers, what a message says, and what became of an attempt.

When what is sent, and the record of it, is `callqa_assets.alerting.delivery`.
"""
