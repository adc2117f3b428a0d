"""Colours of emotions, wherever one is drawn: an emotion's colour never changes."""

from __future__ import annotations

EMOTION_COLOURS = {
    "angry": "#D55E00",
    "disgusted": "#5B3A00",
    "fearful": "#9E2B7E",
    "sad": "#0072B2",
    "surprised": "#56B4E9",
    "happy": "#F0E442",
    "other": "#4D4D4D",
    "unknown": "#AAAAAA",
    "neutral": "#DDDDDD",
}
"""Okabe and Ito's palette, with darker colours for the emotions that it leaves too close together,
so that colour-blind people can distinguish them (tests/assets/test_plots.py). In stacking order:
negative emotions at the bottom, where bars compare best."""
