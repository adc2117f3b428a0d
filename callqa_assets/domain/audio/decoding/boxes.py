"""Where containers of nested boxes end: what follows belongs to no recording.

MP4 and QuickTime (ISO/IEC 14496-12, 4.2), Matroska (RFC 8794), AVI (RIFF).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callqa_assets.domain.audio.decoding.window import Window

_MAX_BOXES = 100_000
"""Fragmented MP4 has two for every second or so."""
_SEGMENT = b"\x18\x53\x80\x67"


def find_end(window: Window, demuxer: str) -> int:
    """Behind the last whole box; the end of the window where boxes do not say it."""
    find = _FINDERS.get(demuxer)
    return min(find(window), window.size) if find else window.size


def _find_mp4_end(window: Window) -> int:
    at = 0
    for _ in range(_MAX_BOXES):
        head = window.read_at(at, 16)
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(head[8:16])
        if len(head) < 8 or size < 8 or not head[4:8].isalnum():
            # Size 0: to the end of the file.
            return window.size if len(head) >= 8 and size == 0 and head[4:8].isalnum() else at
        at += size
    return window.size


def _find_matroska_end(window: Window) -> int:
    at = 0
    for identifier in (b"\x1a\x45\xdf\xa3", _SEGMENT):
        head = window.read_at(at, 12)
        if head[:4] != identifier or len(head) < 12 or not head[4]:
            return window.size
        length = 9 - head[4].bit_length()
        size = int.from_bytes(head[4 : 4 + length]) & ((1 << 7 * length) - 1)
        if size == (1 << 7 * length) - 1:
            return window.size  # not known yet
        at += 4 + length + size
    return at


def _find_avi_end(window: Window) -> int:
    at = 0
    for _ in range(_MAX_BOXES):
        head = window.read_at(at, 12)
        if head[:4] != b"RIFF" or head[8:11] != b"AVI":
            return at
        size = int.from_bytes(head[4:8], "little")
        if size == 0:
            return window.size
        at += 8 + size + (size & 1)
    return window.size


_FINDERS: Mapping[str, Callable[[Window], int]] = {
    "mov": _find_mp4_end,
    "matroska": _find_matroska_end,
    "avi": _find_avi_end,
}
