"""Audio files to sample arrays: decoding and splitting into channels.

Nothing here knows calls, storage or models. Only a file's content counts: it is passed in open,
without a name. Sound without a header needs an `Encoding`.
"""

from __future__ import annotations

from io import FileIO

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
from callqa_assets.domain.audio.resampling import to_16k

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
