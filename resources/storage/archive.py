"""The archive of audio files: immutable, named by recording, never by day. And the quarantine."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from pathlib import Path

from callqa_assets.domain.audio.decoding import Samples, decode_audio, to_16k
from callqa_assets.domain.calls.recording import Recording
from resources.storage.home import Home

_EXTENSION = re.compile(rb"\.([A-Za-z0-9]{1,5})$")


class RecordingArchive:
    """Files of one home. Paths handed out and taken are relative to the home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def load(self, recording: Recording) -> list[Samples]:
        """The recording's channels at 16 kHz, each float32 [n]. Raises UnreadableAudio, OSError."""
        decoded = decode_audio(self._home.root / recording.archive_path)
        return to_16k(decoded.samples, decoded.sample_rate_hz)

    def path_for(self, recording_id: str, source_name: bytes, *, quarantined: bool) -> str:
        """Where a recording's file is kept."""
        match = _EXTENSION.search(source_name)
        extension = match.group(1).decode().lower() if match else "bin"
        folder = "quarantine" if quarantined else "archive"
        return f"{folder}/{recording_id[:2]}/{recording_id}.{extension}"

    def absolute(self, relative: str) -> Path:
        return self._home.root / relative

    def take(self, source: bytes, relative: str, *, copy: bool) -> None:
        """Bring a file in: renamed where it can be, else copied, synced and only then removed.

        Safe to repeat after a crash at any point; the target appears whole or not at all.
        """
        target = os.fsencode(self._home.root / relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not copy:
            try:
                os.replace(source, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            else:
                sync_folder(os.path.dirname(target))
                return
        partial = target + b".part"
        with open(source, "rb") as reader, open(partial, "wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
        os.replace(partial, target)
        sync_folder(os.path.dirname(target))
        if not copy:
            os.unlink(source)


def hash_content(path: bytes) -> str:
    """SHA-256 hex of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recording_id_of(content_sha256: str, file_name: bytes) -> str:
    """First 32 hex of SHA-256 over the content's hash and the original file name."""
    return hashlib.sha256(content_sha256.encode() + b"\0" + file_name).hexdigest()[:32]


def sync_folder(folder: bytes | Path) -> None:
    """Names given or taken in the folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
