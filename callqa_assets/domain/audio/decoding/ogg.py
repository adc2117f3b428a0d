"""Ogg: its pages, where streams begin, whether the last one is whole (RFC 3533)."""

from __future__ import annotations

from callqa_assets.domain.audio.decoding.window import Window

_HEADER_BYTES = 27
_SEARCHED_BYTES = 1 << 20
"""Of the end; a page has at most 65,307 bytes, junk may follow."""
_LAST = 4
"""Bit of a page's header type: it ends its stream."""


def merge_groups(window: Window, starts: list[int]) -> list[int]:
    """Of the pages that begin a stream those that begin a recording.

    Streams that sound together begin in pages that follow each other directly.
    """
    kept: list[int] = []
    expected = -1
    for start in starts:
        if start != expected:
            kept.append(start)
        expected = start + _page_bytes(window, start)
    return kept


def find_end(window: Window) -> int | None:
    """Where the last page ends; None where it is cut, or does not end its stream."""
    base = max(0, window.size - _SEARCHED_BYTES)
    tail = window.read_at(base, window.size)
    page = tail.rfind(b"OggS\0")
    if page < 0 or len(tail) < page + _HEADER_BYTES:
        return None
    end = page + _page_bytes(window, base + page)
    return base + end if tail[page + 5] & _LAST and len(tail) >= end else None


def _page_bytes(window: Window, start: int) -> int:
    head = window.read_at(start, _HEADER_BYTES + 255)
    if len(head) < _HEADER_BYTES:
        return 0
    lacing = head[_HEADER_BYTES : _HEADER_BYTES + head[26]]
    return _HEADER_BYTES + len(lacing) + sum(lacing)
