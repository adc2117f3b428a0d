"""FreeSWITCH's forks of a call over a WebSocket: mod_audio_stream and mod_audio_fork.

A text frame with metadata, binary frames of L16 (little-endian, 8 or 16 kHz, stereo as caller and
callee interleaved), and at the end perhaps a text frame again; see the modules' READMEs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from callqa_assets.domain.live.events import Audio, Ended, Event, Started

_SAMPLE_BYTES = 2


class ForkStream:
    """One connection. No data can make it fail."""

    def __init__(self, channels: int) -> None:
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._is_started = False
        self._rest = b""

    def receive_text(self, text: str) -> Iterator[Event]:
        """The first text has the facts; one after the sound says that it ends."""
        if self._is_started:
            yield Ended()
            return
        self._is_started = True
        yield Started(_read_facts(text))

    def receive_bytes(self, data: bytes) -> Iterator[Event]:
        """Sound; without a text before it, of a call of which nothing is known."""
        if not self._is_started:
            self._is_started = True
            yield Started({})
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        if whole:
            yield Audio(data[:whole])


def _read_facts(text: str) -> dict[str, Any]:
    """The metadata's object; a text that is none becomes the fact `metadata`."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return cast(dict[str, Any], found)
    return {"metadata": text[:200]} if text.strip() else {}
