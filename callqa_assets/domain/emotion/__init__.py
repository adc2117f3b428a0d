"""Emotion labels and the emotion timeline."""
