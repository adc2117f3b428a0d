"""Copies of recordings in which some seconds are silent. The archive is only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from callqa_assets.domain.audio.decoding import AudioStream, Encoding, Samples
from callqa_assets.domain.audio.silencing import silence
from callqa_assets.domain.speech import Span
from resources.storage.archive import open_recording
from resources.storage.atomic import write_atomically

CopyFormat = Literal["flac", "wav"]

_BITS = (16, 24)
"""24 only where 16 would change samples: linear recordings of more bits, and decoded codecs."""


class _NeedsMoreBitsError(Exception):
    """A sample is no multiple of the step of this many bits."""


def write_silenced(
    source: Path,
    encoding: Encoding | None,
    silent: Mapping[int, Sequence[Span]],
    target: Path,
    file_format: CopyFormat,
) -> None:
    """Write the recording with these spans of each channel silenced, whole or not at all.

    Sample rate and channels stay; samples outside the spans are those that the decoder gives, to
    24 bits. Memory does not grow with the call's length. Raises UnreadableAudio, OSError.
    """
    with write_atomically(target) as file:
        for bits in _BITS:
            file.seek(0)
            file.truncate()
            try:
                with open_recording(source, encoding) as stream:
                    _write(stream, silent, file, file_format, bits)
                return
            except _NeedsMoreBitsError:
                continue


def _write(
    stream: AudioStream,
    silent: Mapping[int, Sequence[Span]],
    file: BinaryIO,
    file_format: CopyFormat,
    bits: int,
) -> None:
    with sf.SoundFile(
        file,
        "w",
        stream.sample_rate_hz,
        stream.channels,
        subtype=f"PCM_{bits}",
        format=file_format.upper(),
    ) as sound:
        for block in silence(stream, stream.sample_rate_hz, silent):
            sound.write(_to_integers(block, bits, is_last_try=bits == _BITS[-1]).T)


def _to_integers(block: Samples, bits: int, *, is_last_try: bool) -> np.ndarray:
    """Samples as left-aligned 32-bit integers, which libsndfile shortens without rounding.

    Its own conversion of floats scales by 32767, which would change every sample.
    """
    full_scale = 1 << (bits - 1)
    scaled = block.astype(np.float64) * full_scale
    steps = np.rint(scaled)
    if not is_last_try and not np.array_equal(steps, scaled):
        raise _NeedsMoreBitsError
    limited = np.clip(steps, -full_scale, full_scale - 1).astype(np.int64)
    return (limited << (32 - bits)).astype(np.int32)
