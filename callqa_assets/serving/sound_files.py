"""Archived sound as files that a browser plays: WAV, whatever it was archived as."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

import soundfile as sf
import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import recordings
from resources.storage.archive import RecordingArchive, open_recording
from resources.storage.home import Home

MAX_FILES = 32
"""Kept decoded: the last that were listened to."""


class SoundFiles:
    """A temporary folder of decoded calls, removed with the process. Safe for threads."""

    def __init__(self, home: Home, warehouse: Warehouse) -> None:
        self._archive = RecordingArchive(home)
        self._warehouse = warehouse
        self._folder = tempfile.TemporaryDirectory(prefix="callqa-sound-")
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, recording_id: str) -> Path | None:
        """The call's WAV file; None where there is no such good recording."""
        with self._lock:
            if recording_id in self._files:
                self._files.move_to_end(recording_id)
                return self._files[recording_id]
            with self._warehouse.read() as connection:
                row = connection.execute(
                    sa.select(
                        recordings.c.archive_path, recordings.c.codec, recordings.c.codec_rate_hz
                    ).where(recordings.c.recording_id == recording_id, recordings.c.status == "ok")
                ).one_or_none()
            if row is None:
                return None
            encoding = Encoding(row.codec, row.codec_rate_hz) if row.codec else None
            path = Path(self._folder.name) / f"{len(self._files)}-{os.urandom(8).hex()}.wav"
            self._decode(self._archive.absolute(row.archive_path), encoding, path)
            self._files[recording_id] = path
            while len(self._files) > MAX_FILES:
                _, oldest = self._files.popitem(last=False)
                oldest.unlink(missing_ok=True)
            return path

    def _decode(self, source: Path, encoding: Encoding | None, target: Path) -> None:
        with (
            open_recording(source, encoding) as stream,
            sf.SoundFile(
                target, "w", stream.sample_rate_hz, stream.channels, "PCM_16", format="WAV"
            ) as written,
        ):
            for block in stream:
                written.write(block.T)
