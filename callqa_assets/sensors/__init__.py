"""Sensors: what starts runs, and what finds those that died."""
