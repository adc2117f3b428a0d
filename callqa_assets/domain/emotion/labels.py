"""The nine emotions, in emotion2vec's label order. Windows and spans live in `emotion`."""

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
