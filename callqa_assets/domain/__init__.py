"""The subject itself: calls, audio, text, emotions, rules and alerts, as functions of values.

Nothing here imports dagster, torch, sqlalchemy or matplotlib, reads a file by name, opens a
database or loads a model.
"""
