"""Ogg: its pages, where streams begin, whether the last one is whole (RFC 3533)."""

from __future__ import annotations

from callqa_assets.domain.audio.decoding.window import Window

_HEADER_BYTES = 27
_LARGEST_PAGE_BYTES = 65_307
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


def is_complete(window: Window) -> bool:
    """Whether the last page is complete and ends its stream."""
    window.seek(max(0, window.size - _LARGEST_PAGE_BYTES))
    tail = window.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + _HEADER_BYTES:
        return False
    lacing = tail[page + _HEADER_BYTES : page + _HEADER_BYTES + tail[page + 26]]
    end = page + _HEADER_BYTES + len(lacing) + sum(lacing)
    return bool(tail[page + 5] & _LAST) and len(tail) >= end


def _page_bytes(window: Window, start: int) -> int:
    window.seek(start)
    head = window.read(_HEADER_BYTES + 255)
    if len(head) < _HEADER_BYTES:
        return 0
    lacing = head[_HEADER_BYTES : _HEADER_BYTES + head[26]]
    return _HEADER_BYTES + len(lacing) + sum(lacing)
