"""The archive and the quarantine of audio files: immutable, named by recording, never by day."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callqa_assets.domain.audio.decoding import (
    AudioStream,
    DecodedAudio,
    UnreadableAudio,
    open_audio,
)
from callqa_assets.domain.audio.resampling import resample_blocks
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import ChannelSound
from resources.storage.atomic import PARTIAL, sync_folder, write_atomically
from resources.storage.home import Home
from resources.storage.spooled_sound import spool

_EXTENSION = re.compile(rb"\.([A-Za-z0-9]{1,5})$")


class RecordingArchive:
    """Files of one home. Paths returned and expected are relative to the home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def load(self, recording: Recording) -> list[ChannelSound]:
        """The recording's channels at 16 kHz; those of a long call are kept in the home's folder.

        Memory does not grow with the call's length. Raises UnreadableAudio, OSError.
        """
        with open_recording(self._home.root / recording.archive_path) as stream:
            return spool(resample_blocks(stream, stream.sample_rate_hz), self._home.root)

    def path_for(self, recording_id: str, source_name: bytes, *, quarantined: bool) -> str:
        """Where a recording's file is kept."""
        match = _EXTENSION.search(source_name)
        extension = match.group(1).decode().lower() if match else "bin"
        folder = "quarantine" if quarantined else "archive"
        return f"{folder}/{recording_id[:2]}/{recording_id}.{extension}"

    def absolute(self, relative: str) -> Path:
        return self._home.root / relative

    def store(self, source: bytes, relative: str, *, copy: bool) -> None:
        """Archive a file: renamed where it can be, else copied, synced and only then removed.

        Safe to repeat after a crash at any point; the target appears whole or not at all. One
        process at a time: what a killed one left of its copy is removed. Raises OSError.
        """
        origin, target = Path(os.fsdecode(source)), self._home.root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if not copy:
            try:
                origin.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            else:
                sync_folder(target.parent)
                return
        for left in target.parent.glob(f"{target.name}.*{PARTIAL}"):
            left.unlink()
        with origin.open("rb") as reader, write_atomically(target) as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
        if not copy:
            origin.unlink()


@contextmanager
def open_recording(path: Path) -> Iterator[AudioStream]:
    """One audio file as a stream of blocks. Only its content counts, not its name.

    Raises:
        UnreadableAudio: the content cannot be used, now or later.
        OSError: the file cannot be opened; this says nothing about its content.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableAudio("not a regular file")
    if status.st_size == 0:
        raise UnreadableAudio("the file is empty: copy it again from the phone platform")
    with path.open("rb", buffering=0) as file, open_audio(file) as stream:
        yield stream


def decode_file(path: Path) -> DecodedAudio:
    """The whole of `open_recording` in one array, for files that are known to be short."""
    with open_recording(path) as stream:
        return stream.read_all()


def recording_id_of(content_sha256: str, file_name: bytes) -> str:
    """First 32 hex of SHA-256 over the content's hash and the original file name."""
    return hashlib.sha256(content_sha256.encode() + b"\0" + file_name).hexdigest()[:32]
