"""Audio files to sample arrays: decoding, splitting into channels, resampling.

Nothing here knows calls, storage or models. Only a file's content counts: it is passed in open,
without a name. Sound without a header needs an `Encoding`.
"""

from __future__ import annotations

from io import FileIO

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]

from callqa_assets.domain.audio.decoding.opening import open_audio
from callqa_assets.domain.audio.decoding.stream import (
    LIMITS,
    AudioLimits,
    AudioStream,
    DecodedAudio,
    Encoding,
    Samples,
    UnreadableAudio,
)
from callqa_assets.domain.speech import SAMPLE_RATE_HZ

__all__ = [
    "LIMITS",
    "AudioLimits",
    "AudioStream",
    "DecodedAudio",
    "Encoding",
    "Samples",
    "UnreadableAudio",
    "decode_audio",
    "open_audio",
    "to_16k",
]


def decode_audio(
    file: FileIO, limits: AudioLimits = LIMITS, encoding: Encoding | None = None
) -> DecodedAudio:
    """The whole of `open_audio` in one array, for files that are known to be short."""
    with open_audio(file, limits, encoding) as stream:
        return stream.read_all()


def to_16k(samples: Samples, sample_rate_hz: int) -> list[Samples]:
    """Split into channels and resample each separately to 16 kHz; channels are never mixed.

    `samples` has shape [channels, n]; each result has shape [n'], float32 in [-1, 1], contiguous.
    """
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return [np.ascontiguousarray(channel) for channel in samples]
    resampled = (
        soxr.resample(channel, sample_rate_hz, SAMPLE_RATE_HZ, quality="HQ") for channel in samples
    )
    return [np.clip(channel, -1, 1).astype(np.float32, copy=False) for channel in resampled]
