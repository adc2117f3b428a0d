"""Automatic speech recognition."""
