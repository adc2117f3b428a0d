"""Telling people: the channels, what a message says, how fast, and the receiver's own answer.

What is sent when, and what became of it, is kept by `callqa_assets.alerting.delivery`.
"""
