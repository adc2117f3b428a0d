"""The recording of a call while it is streamed: nothing that was synced is lost by a kill.

A call lies in `live/SESSION.wav.part` with its facts in `live/SESSION.json`, written before the
first sound. The header of a file that was never finished says that all that follows is sound.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resources.storage.atomic import PARTIAL, sync_folder, write_atomically

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_UNKNOWN = 0xFFFFFFFF
_PCM = 1
_SAMPLE_BYTES = 2
_MAX_BYTES = _UNKNOWN - _HEADER.size
"""What a WAV file can state."""


@dataclass(frozen=True)
class StreamedCall:
    """A call that ended, or whose recording was cut off."""

    path: Path
    facts: Mapping[str, Any]
    """As its sidecar is to have them."""

    @property
    def session_id(self) -> str:
        return self.path.name.removesuffix(f".wav{PARTIAL}")

    @property
    def is_empty(self) -> bool:
        """Whether no sound came."""
        return self.path.stat().st_size <= _HEADER.size

    def remove(self) -> None:
        """Once it is elsewhere: the sound first, without which the facts are nothing."""
        self.path.unlink()
        self.path.with_name(f"{self.session_id}.json").unlink(missing_ok=True)


class LiveRecording:
    """One call's file. Not for several threads at once."""

    def __init__(
        self, folder: Path, session_id: str, rate_hz: int, channels: int, facts: Mapping[str, Any]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.facts = dict(facts)
        self._rate_hz, self._channels = rate_hz, channels
        self._described = folder / f"{session_id}.json"
        self._describe()
        self.path = folder / f"{session_id}.wav{PARTIAL}"
        self._file = self.path.open("xb")
        self._file.write(_header(rate_hz, channels, None))
        self.sync()
        sync_folder(folder)
        self.sound_bytes = 0

    @property
    def duration_s(self) -> float:
        return self.sound_bytes / (self._rate_hz * self._channels * _SAMPLE_BYTES)

    @property
    def is_full(self) -> bool:
        """Whether the file can hold no other hour."""
        hour = 3600 * self._rate_hz * self._channels * _SAMPLE_BYTES
        return self.sound_bytes > _MAX_BYTES - hour

    def write(self, pcm: bytes) -> None:
        self._file.write(pcm)
        self.sound_bytes += len(pcm)

    def write_silence(self, seconds: float) -> None:
        """Sound that was not received."""
        frames = round(seconds * self._rate_hz)
        block = bytes(self._rate_hz * self._channels * _SAMPLE_BYTES)
        left = frames * self._channels * _SAMPLE_BYTES
        while left > 0:
            self.write(block[:left])
            left -= len(block)

    def note(self, key: str, value: object) -> None:
        """Add to the facts."""
        self.facts[key] = value
        self._describe()

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> StreamedCall:
        """Close the file, with the header that its sound has."""
        self._file.seek(0)
        self._file.write(_header(self._rate_hz, self._channels, self.sound_bytes))
        self.sync()
        self._file.close()
        return StreamedCall(self.path, self.facts)

    def _describe(self) -> None:
        with write_atomically(self._described) as file:
            file.write(json.dumps(self.facts, ensure_ascii=False).encode())


def find_cut_off(folder: Path) -> Iterator[StreamedCall]:
    """Calls that a kill left behind, as far as they were synced."""
    for path in sorted(folder.glob(f"*.wav{PARTIAL}")):
        call = StreamedCall(path, {})
        described = path.with_name(f"{call.session_id}.json")
        facts: dict[str, Any] = json.loads(described.read_bytes()) if described.exists() else {}
        yield replace(call, facts={**facts, "live_cut_off": True})


def _header(rate_hz: int, channels: int, sound_bytes: int | None) -> bytes:
    frame = channels * _SAMPLE_BYTES
    size = _UNKNOWN if sound_bytes is None else sound_bytes
    riff = _UNKNOWN if sound_bytes is None else sound_bytes + _HEADER.size - 8
    return _HEADER.pack(
        *(b"RIFF", riff, b"WAVE", b"fmt ", 16, _PCM, channels, rate_hz, rate_hz * frame),
        *(frame, 8 * _SAMPLE_BYTES, b"data", size),
    )
