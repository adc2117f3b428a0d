"""Where the sound of a file of plain samples ends, whatever its header says.

Recorders write the size last. One that died leaves 0, or the size of its last update, before good
sound; others append chunks of text, or another recording.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np

from callqa_assets.domain.audio.decoding.containers import HEAD_BYTES, identify
from callqa_assets.domain.audio.decoding.window import Window

UNKNOWN_BYTES = 0x7FFF_0000
"""Streaming recorders write 0x7FFFFFFF or 0xFFFFFFFF for 'not known yet': nothing is missing."""

_LEAST_SOUND_S = 0.5
"""A shorter rest is left out: recorders update their headers every second or less often, and junk
would be heard as noise."""

_RANDOM_BITS = 7.9
"""Entropy of a byte: noise is near 8, plain samples of speech below 7.5, G.711 included."""
_LEAST_RANDOM_BYTES = 4000

_MAX_CHUNKS = 1000
_TAIL_BYTES = 1 << 16
_TRAILING_IDS = (b"LIST", b"id3 ", b"ID3 ", b"cue ", b"bext", b"iXML", b"fact", b"smpl", b"_PMX")
_TEXT = frozenset(string.printable.encode())


@dataclass(frozen=True)
class SoundEnd:
    stop: int
    """Offset in the window behind the last byte of sound."""
    note: str | None = None


def find_sound_end(
    window: Window,
    start: int,
    stated: int | None,
    bytes_per_s: float,
    *,
    big_endian: bool = False,
    is_plain: bool = True,
) -> SoundEnd:
    """The end of the sound that begins at `start`.

    `stated` is the size in the header, None where it says that it does not know; `big_endian` is
    the order of the sizes of chunks that may follow; `is_plain` says that the samples are PCM or
    G.711, which cannot be mistaken for random bytes.
    """
    present = window.size - start
    if stated is None or (stated >= UNKNOWN_BYTES and stated > present):
        return SoundEnd(window.size)
    if stated > present:
        return SoundEnd(window.size, f"truncated: {present} of {stated} bytes of sound are there")
    stop = start + stated
    rest = window.size - stop
    if rest <= 1 or _is_chunks(window, stop, big_endian):
        return SoundEnd(stop)
    head = window.read_at(stop, HEAD_BYTES)
    if other := identify(head):
        return SoundEnd(stop, f"{rest} bytes of {other.name} after the sound: not read; split it")
    too_short = not bytes_per_s or rest < _LEAST_SOUND_S * bytes_per_s
    is_junk = _TEXT.issuperset(head) or (is_plain and stated > 0 and _is_random(head))
    if too_short or is_junk or _is_zero(window, stop):
        return SoundEnd(stop, f"{rest} bytes after the sound are not read")
    stop = _before_trailing_chunk(window, stop, big_endian)
    return SoundEnd(
        stop,
        f"unfinished header: it says {stated / bytes_per_s:.1f} s, "
        f"{(stop - start) / bytes_per_s:.1f} s are there and are read",
    )


def _is_chunks(window: Window, at: int, big_endian: bool) -> bool:
    """Whether everything from here on is chunks, as after complete sound."""
    order = "big" if big_endian else "little"
    for _ in range(_MAX_CHUNKS):
        head = window.read_at(at, 8)
        if len(head) < 8:
            return at + len(head) >= window.size and not head.strip(b"\0")
        if not _is_id(head[:4]):
            at += 1  # sound of odd length, padded
            head = window.read_at(at, 8)
            if len(head) < 8 or not _is_id(head[:4]):
                return False
        at += 8 + int.from_bytes(head[4:], order)
        if at > window.size:
            return False
    return True


def _is_id(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in name)


def _is_random(data: bytes) -> bool:
    if len(data) < _LEAST_RANDOM_BYTES:
        return False
    shares = np.bincount(np.frombuffer(data, np.uint8)) / len(data)
    shares = shares[shares > 0]
    return bool(-(shares * np.log2(shares)).sum() > _RANDOM_BITS)


def _is_zero(window: Window, at: int) -> bool:
    while chunk := window.read_at(at, 1 << 20):
        if chunk.strip(b"\0"):
            return False
        at += len(chunk)
    return True


def _before_trailing_chunk(window: Window, start: int, big_endian: bool) -> int:
    """Where a chunk begins that ends with the file, else the end of the file."""
    base = max(start, window.size - _TAIL_BYTES)
    tail = window.read_at(base, window.size)
    for name in _TRAILING_IDS:
        at = tail.rfind(name)
        if at >= 0:
            size = int.from_bytes(tail[at + 4 : at + 8], "big" if big_endian else "little")
            if 0 <= len(tail) - (at + 8 + size) <= 1:
                return base + at
    return window.size
