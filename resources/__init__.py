"""Handles on the outside world: files, databases, models.

Thin Dagster resources and the plain classes they return. No business rule lives here.
"""
