"""Sensors: they request runs, mark dead runs as failed, and deliver alerts."""
