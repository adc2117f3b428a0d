"""Calls: their files, their facts, and where the facts come from."""
