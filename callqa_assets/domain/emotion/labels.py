"""The nine emotions, in emotion2vec's label order. Windows and spans are in `timeline`."""

from __future__ import annotations

EMOTIONS = (
    "angry",
    "disgusted",
    "fearful",
    "happy",
    "neutral",
    "other",
    "sad",
    "surprised",
    "unknown",
)
