"""Calls: their files, their facts, and the sources of the facts."""
