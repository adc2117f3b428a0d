"""Decoding by libsndfile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import cast

import soundfile as sf  # pyright: ignore[reportMissingTypeStubs]

from callqa_assets.domain.audio.decoding.reasons import as_clause
from callqa_assets.domain.audio.decoding.sound_end import UNKNOWN_BYTES
from callqa_assets.domain.audio.decoding.stream import NoSoundError, Samples, Track
from callqa_assets.domain.audio.decoding.window import Window

_FORMATS = frozenset(("WAV", "WAVEX", "RF64", "W64", "NIST", "AIFF", "AU", "OGG", "CAF"))
"""Other formats that it opens (instrument banks, MATLAB arrays) are not recordings of calls."""

_READ_FRAMES = 1024
"""A read that fails loses its whole block: kept small."""

_DATA_CUT = re.compile(
    r"^\W*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
"""libsndfile's log line for a chunk whose header states another size than the file has."""


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
        if length == 0:
            raise NoSoundError(as_clause(error.error_string)) from error
        notes.append(
            f"damaged: unreadable after {length / sound.samplerate:.1f} s "
            f"({as_clause(error.error_string)})"
        )
    else:
        window.raise_read_error()
        promise = _broken_promise(sound, window, length / sound.samplerate)
        if promise:
            notes.append(promise)


def _broken_promise(sound: sf.SoundFile, window: Window, seconds: float) -> str | None:
    """A note where the file holds less audio than its header states."""
    if sound.format == "NIST":
        window.seek(0)
        count = re.search(rb"sample_count -i (\d{1,12})", window.read(4096))
        promised_s = int(count[1]) / sound.samplerate if count else 0.0
        if seconds < promised_s:
            return f"truncated: {seconds:.1f} of {promised_s:.1f} s are there"
    elif cut := _DATA_CUT.search(sound.extra_info):
        promised, present = int(cut[1]), int(cut[2])
        if present < promised < UNKNOWN_BYTES:
            return f"truncated: {present} of {promised} bytes of sound are there"
    return None
