"""Decoding by libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import cast

import soundfile as sf  # pyright: ignore[reportMissingTypeStubs]

from callqa_assets.domain.audio.decoding.reasons import as_clause
from callqa_assets.domain.audio.decoding.stream import NoSoundError, Samples, Track
from callqa_assets.domain.audio.decoding.window import Window

_FORMATS = frozenset(("WAV", "WAVEX", "RF64", "W64", "NIST", "AIFF", "AU", "OGG", "CAF"))
"""Other formats that it opens (instrument banks, MATLAB arrays) are not recordings of calls."""

_READ_FRAMES = 1024
"""A read that fails loses its whole block: kept small."""

_SAMPLE_BYTES = {
    **{"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8},
    **{"ULAW": 1, "ALAW": 1, "IMA_ADPCM": 0.5, "MS_ADPCM": 0.5, "GSM610": 33 / 160},
    **{"G721_32": 0.5, "G723_24": 0.375, "G723_40": 0.625},
}


def open_with_sndfile(window: Window, resources: ExitStack) -> Track:
    """Raises NoSoundError where libsndfile finds no audio."""
    window.seek(0)
    try:
        sound = resources.enter_context(closing(sf.SoundFile(window)))  # pyright: ignore[reportArgumentType]
    except sf.LibsndfileError as error:
        window.raise_read_error()
        raise NoSoundError(as_clause(error.error_string)) from error
    if sound.format not in _FORMATS:
        raise NoSoundError(f"{sound.format} is no format for calls")
    notes: list[str] = []
    track = Track(
        sound.samplerate,
        sound.channels,
        _read_blocks(sound, window, notes),
        notes,
        sample_bytes=_SAMPLE_BYTES.get(sound.subtype, 0),
        is_float_pcm=sound.subtype in ("FLOAT", "DOUBLE"),
    )
    return track.begun() if sound.format == "OGG" else track


def _read_blocks(sound: sf.SoundFile, window: Window, notes: list[str]) -> Iterator[Samples]:
    length = 0
    try:
        while len(block := sound.read(_READ_FRAMES, dtype="float32", always_2d=True)):
            length += len(block)
            yield cast(Samples, block).T
    except sf.LibsndfileError as error:
        window.raise_read_error()
        if length == 0 and sound.format == "OGG":
            raise NoSoundError(as_clause(error.error_string)) from error
        notes.append(
            f"damaged: unreadable after {length / sound.samplerate:.1f} s "
            f"({as_clause(error.error_string)})"
        )
    window.raise_read_error()
