"""Decoding by libsndfile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from io import FileIO
from typing import cast

import soundfile as sf  # pyright: ignore[reportMissingTypeStubs]

from callqa_assets.domain.audio.decoding.reasons import as_clause
from callqa_assets.domain.audio.decoding.stream import AudioLimits, NoSoundError, Samples, Track

_SNDFILE_FORMATS = frozenset(
    ("WAV", "WAVEX", "RF64", "W64", "NIST", "AIFF", "AU", "FLAC", "OGG", "MP3", "CAF")
)
"""Other formats that it opens (instrument banks, MATLAB arrays) are not recordings of calls."""

_READ_FRAMES = 1024
"""A read that fails loses its whole block: kept small."""

_DATA_CUT = re.compile(
    r"^\W*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
"""libsndfile's log line for a chunk whose header states another size than the file has."""

_UNKNOWN_SIZE_BYTES = 0x7FFF_0000
"""Streaming recorders write 0x7FFFFFFF or 0xFFFFFFFF for 'not known yet': nothing is missing."""


def open_with_sndfile(file: FileIO, resources: ExitStack, limits: AudioLimits) -> Track:
    """Raises NoSoundError where libsndfile finds no audio."""
    head = file.read(4096)
    file.seek(0)
    try:
        # A descriptor, not a name: libsndfile would infer a raw format from an extension. It
        # closes the descriptor even where it refuses the file.
        sound = resources.enter_context(closing(sf.SoundFile(os.dup(file.fileno()))))
    except sf.LibsndfileError as error:
        raise NoSoundError(as_clause(error.error_string)) from error
    if sound.format not in _SNDFILE_FORMATS:
        raise NoSoundError(f"{sound.format} is no format for calls")
    notes: list[str] = []
    track = Track(
        sound.samplerate,
        sound.channels,
        _read_blocks(sound, head, file, notes, limits),
        notes,
        is_float_pcm=sound.subtype in ("FLOAT", "DOUBLE"),
    )
    return track.begun() if sound.format in ("OGG", "MP3", "FLAC") else track


def _read_blocks(
    sound: sf.SoundFile, head: bytes, file: FileIO, notes: list[str], limits: AudioLimits
) -> Iterator[Samples]:
    length = 0
    try:
        while len(block := sound.read(_READ_FRAMES, dtype="float32", always_2d=True)):
            length += len(block)
            yield cast(Samples, block).T
    except sf.LibsndfileError as error:
        if length == 0:
            raise NoSoundError(as_clause(error.error_string)) from error
        notes.append(
            f"damaged: unreadable after {length / sound.samplerate:.1f} s "
            f"({as_clause(error.error_string)})"
        )
    else:
        promise = _broken_promise(sound, head, file, length / sound.samplerate, limits)
        if promise:
            notes.append(promise)


def _broken_promise(
    sound: sf.SoundFile, head: bytes, file: FileIO, seconds: float, limits: AudioLimits
) -> str | None:
    """A note where the file holds less audio than its header states."""
    promised_s = 0.0
    if sound.format in ("FLAC", "MP3"):
        promised_s = sound.frames / sound.samplerate
        if sound.format == "MP3":
            promised_s -= limits.duration_tolerance_s
    elif sound.format == "NIST":
        count = re.search(rb"sample_count -i (\d+)", head)
        promised_s = int(count[1]) / sound.samplerate if count else 0.0
    elif sound.format == "OGG":
        if not _ogg_is_complete(file):
            return f"truncated: the end after {seconds:.1f} s is missing"
    elif cut := _DATA_CUT.search(sound.extra_info):
        promised, present = int(cut[1]), int(cut[2])
        if present < promised < _UNKNOWN_SIZE_BYTES:
            return f"truncated: {present} of {promised} bytes of sound are there"
    if seconds < promised_s:
        return f"truncated: {seconds:.1f} of {promised_s:.1f} s are there"
    return None


def _ogg_is_complete(file: FileIO) -> bool:
    """Whether the last page is complete and has the end-of-stream flag (RFC 3533)."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65_307))  # the largest page
    tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    lacing = tail[page + 27 : page + 27 + tail[page + 26]]
    return bool(tail[page + 5] & 4) and len(tail) >= page + 27 + len(lacing) + sum(lacing)
