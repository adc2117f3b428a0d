"""Evaluation of rules over many calls at once."""
