"""Containers of plain samples besides WAV: where their sound is, and a header that says so.

AU (Sun), AIFF and AIFF-C (Apple, EA IFF 85), W64 (Sony Pictures), CAF (Apple), SPHERE (NIST).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from callqa_assets.domain.audio.decoding.sndfile import open_with_sndfile
from callqa_assets.domain.audio.decoding.sound_end import find_sound_end
from callqa_assets.domain.audio.decoding.stream import NoSoundError, Track
from callqa_assets.domain.audio.decoding.window import Window

_MAX_HEADER_BYTES = 1 << 20
_UNKNOWN = 0xFFFF_FFFF
_NIST_FIELD = re.compile(rb"^(\w+) -i (\d{1,12})$", re.MULTILINE)


@dataclass(frozen=True)
class _Layout:
    start: int
    """Offset of the first byte of sound."""
    stated: int | None
    """Bytes of sound as stated; None for 'not known yet'."""
    size_at: int | None = None
    """Offset of that number, where a decoder heeds it."""
    size_bytes: int = 4
    """Its width; big-endian."""
    size_extra: int = 0
    """What it counts besides the sound."""


def open_samples(window: Window, container: str, resources: ExitStack) -> Track:
    """Raises NoSoundError."""
    layout = _LAYOUTS[container](window)
    if not 0 < layout.start <= min(window.size, _MAX_HEADER_BYTES):
        raise NoSoundError("its sound begins outside the file")
    # What the decoder makes of all that follows gives the rate in bytes, whatever the codec.
    with ExitStack() as probe:
        track = open_with_sndfile(_mend(window, layout, window.size), probe)
        bytes_per_s = track.sample_rate_hz * track.channels * track.sample_bytes
        is_plain = track.sample_bytes >= 1
    end = find_sound_end(
        window, layout.start, layout.stated, bytes_per_s, big_endian=True, is_plain=is_plain
    )
    track = open_with_sndfile(_mend(window, layout, end.stop), resources)
    if end.note:
        track.notes.append(end.note)
    return track


def _mend(window: Window, layout: _Layout, stop: int) -> Window:
    """The recording with a header that says that its sound ends at `stop`."""
    header = bytearray(window.read_at(0, layout.start))
    if layout.size_at is not None:
        size = min(stop - layout.start + layout.size_extra, 256**layout.size_bytes - 1)
        header[layout.size_at : layout.size_at + layout.size_bytes] = size.to_bytes(
            layout.size_bytes
        )
    return window.part(layout.start, stop, bytes(header))


def _lay_out_au(window: Window) -> _Layout:
    head = window.read_at(0, 24)
    stated = int.from_bytes(head[8:12])
    return _Layout(int.from_bytes(head[4:8]), None if stated == _UNKNOWN else stated, size_at=8)


def _lay_out_aiff(window: Window) -> _Layout:
    at = 12
    while at < _MAX_HEADER_BYTES and len(head := window.read_at(at, 12)) == 12:
        size = int.from_bytes(head[4:8])
        if head[:4] == b"SSND":
            # Offset and block size come before the sound.
            return _Layout(at + 16, max(0, size - 8), size_at=at + 4, size_extra=8)
        at += 8 + size + (size & 1)
    raise NoSoundError("it has no sound in it")


def _lay_out_caf(window: Window) -> _Layout:
    at = 8
    while at < _MAX_HEADER_BYTES and len(head := window.read_at(at, 12)) == 12:
        size = int.from_bytes(head[4:], signed=True)
        if head[:4] == b"data":
            # A number of edits comes before the sound.
            stated = None if size < 0 else max(0, size - 4)
            return _Layout(at + 16, stated, size_at=at + 4, size_bytes=8, size_extra=4)
        if size < 0:
            break
        at += 12 + size
    raise NoSoundError("it has no sound in it")


def _lay_out_w64(window: Window) -> _Layout:
    at = 40
    while at < _MAX_HEADER_BYTES and len(head := window.read_at(at, 24)) == 24:
        size = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            return _Layout(at + 24, max(0, size - 24))
        at += max(24, -(-size // 8) * 8)
    raise NoSoundError("it has no sound in it")


def _lay_out_sphere(window: Window) -> _Layout:
    head = window.read_at(0, 16)
    start = int(head[8:].strip() or b"0") if head[8:].strip().isdigit() else 0
    fields = {
        match[1]: int(match[2])
        for match in _NIST_FIELD.finditer(window.read_at(0, min(start, _MAX_HEADER_BYTES)))
    }
    try:
        count = fields[b"sample_count"] * fields[b"channel_count"] * fields[b"sample_n_bytes"]
    except KeyError:
        return _Layout(start, None)
    return _Layout(start, count)


_LAYOUTS: Mapping[str, Callable[[Window], _Layout]] = {
    "AU": _lay_out_au,
    "AIFF": _lay_out_aiff,
    "CAF": _lay_out_caf,
    "W64": _lay_out_w64,
    "SPHERE": _lay_out_sphere,
}
