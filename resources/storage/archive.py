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
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from callqa_assets.domain.audio.decoding import (
    AudioStream,
    DecodedAudio,
    Encoding,
    UnreadableAudio,
    open_audio,
)
from callqa_assets.domain.audio.resampling import resample_blocks
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import ChannelSound
from callqa_assets.warehouse.archive_records import ArchiveRecord
from resources.storage.atomic import PARTIAL, sync_folder, write_atomically
from resources.storage.home import Home
from resources.storage.regular_files import ChangedFile, open_regular, version_of
from resources.storage.spooled_sound import spool

_EXTENSION = re.compile(rb"\.([A-Za-z0-9_-]{1,8})$")

_RECORD = ".record.json"

FREE_FLOOR_BYTES = 1 << 30
FREE_FLOOR_SHARE = 0.05
"""A copy leaves 1 GiB of the disk free, or 5 % of a disk under 20 GiB: the database needs it."""


class NoRoomError(OSError):
    """A copy would fill the archive's disk."""


class RecordingArchive:
    """Files of one home. Paths returned and expected are relative to the home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def load(self, recording: Recording) -> list[ChannelSound]:
        """The recording's channels at 16 kHz; those of a long call are kept in the home's folder.

        Memory does not grow with the call's length. Raises UnreadableAudio, OSError.
        """
        path = self._home.root / recording.archive_path
        with open_recording(path, recording.encoding) as stream:
            return spool(resample_blocks(stream, stream.sample_rate_hz), self._home.root)

    def path_for(self, recording_id: str, source_name: bytes, *, quarantined: bool) -> str:
        """Where a recording's file is kept."""
        match = _EXTENSION.search(source_name)
        extension = match.group(1).decode().lower() if match else "bin"
        folder = "quarantine" if quarantined else "archive"
        return f"{folder}/{recording_id[:2]}/{recording_id}.{extension}"

    def absolute(self, relative: str) -> Path:
        return self._home.root / relative

    def store(
        self, source: bytes, relative: str, *, copy: bool, version: tuple[int, int] | None = None
    ) -> None:
        """Archive a file: renamed where it can be, else copied, synced and only then removed.

        Safe to repeat after a crash at any point; the target appears whole or not at all. One
        process at a time: what a killed one left of its copy is removed.

        Raises:
            ChangedFile: it is not, or no longer, the file of that `version` (`version_of`).
            NoRoomError: a copy would fill the disk.
            OSError: the file or the archive cannot be used now.
        """
        origin, target = Path(os.fsdecode(source)), self._home.root / relative
        status = os.lstat(origin)
        if not stat.S_ISREG(status.st_mode) or version_of(status) != (
            version or version_of(status)
        ):
            raise ChangedFile
        target.parent.mkdir(parents=True, exist_ok=True)
        # A file with a second name could still be changed through it, and is not renamed at all
        # where the archive has it already: copied instead.
        if not copy and status.st_nlink == 1:
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
        with open_regular(origin) as reader:
            opened = os.fstat(reader.fileno())
            self.require_room(opened)
            with write_atomically(target) as writer:
                _copy_with_holes(reader, writer)
                copied = os.fstat(reader.fileno())
                if not version_of(status) == version_of(opened) == version_of(copied):
                    raise ChangedFile  # written to meanwhile: what was copied may be torn
        if not copy:
            origin.unlink()

    def write_record(self, record: ArchiveRecord) -> None:
        """Keep a recording's rows beside its file. Raises OSError."""
        path = self.absolute(record.archive_path).with_suffix(_RECORD)
        with write_atomically(path) as file:
            file.write(record.to_json())

    def record_paths(self) -> Iterator[Path]:
        """Every record; those of the archive first, whose files may have been quarantined once."""
        for folder in (self._home.archive, self._home.quarantine):
            yield from sorted(folder.glob(f"*/*{_RECORD}"))

    def unrecorded_files(self) -> Iterator[Path]:
        """Archived files without a record beside them; not their sidecars."""
        for folder in (self._home.archive, self._home.quarantine):
            for path in sorted(folder.glob("*/*")):
                is_recording = path.suffix not in (".json", ".xml", PARTIAL)
                if is_recording and not path.with_suffix(_RECORD).exists():
                    yield path

    def require_room(self, file: os.stat_result) -> None:
        """Raise NoRoomError unless a copy of the file leaves the disk's floor free."""
        if self._misses_room(file):
            # Under the lock of ingestion nobody else writes here: these are of killed processes.
            for folder in (self._home.archive, self._home.quarantine):
                for left in folder.glob(f"*/*{PARTIAL}"):
                    left.unlink()
        if missing := self._misses_room(file):
            raise NoRoomError(errno.ENOSPC, missing, str(self._home.archive))

    def _misses_room(self, file: os.stat_result) -> str | None:
        needed = min(file.st_size, file.st_blocks * 512)  # less where it has holes
        disk = shutil.disk_usage(
            self._home.archive if self._home.archive.exists() else self._home.root
        )
        floor = min(FREE_FLOOR_BYTES, int(disk.total * FREE_FLOOR_SHARE))
        if disk.free - needed >= floor:
            return None
        return (
            f"no room: a copy needs {needed >> 20:,} MiB, {disk.free >> 20:,} MiB are free and "
            f"{floor >> 20:,} MiB must stay free"
        )


_BLOCK_BYTES = 1 << 20
_ZEROS = bytes(_BLOCK_BYTES)


def _copy_with_holes(reader: FileIO, writer: BinaryIO) -> None:
    """Copy what is left of a file; blocks of zeros take no room on the disk."""
    while block := reader.read(_BLOCK_BYTES):
        if block == _ZEROS:
            writer.seek(len(block), os.SEEK_CUR)
        else:
            writer.write(block)
    writer.truncate()


@contextmanager
def open_recording(path: Path, encoding: Encoding | None = None) -> Iterator[AudioStream]:
    """One audio file as a stream of blocks. Only its content counts, not its name; `encoding` says
    what it is where it has no header.

    Raises:
        UnreadableAudio: the content cannot be used, now or later.
        OSError: the file cannot be opened; this says nothing about its content.
    """
    # Opening a pipe would wait for its writer.
    if not stat.S_ISREG(path.stat().st_mode):
        raise UnreadableAudio("not a regular file")
    with path.open("rb", buffering=0) as file, open_stream(file, encoding) as stream:
        yield stream


def open_stream(file: FileIO, encoding: Encoding | None = None) -> AudioStream:
    """`open_recording` of a file that is open for reading, unbuffered."""
    if os.fstat(file.fileno()).st_size == 0:
        raise UnreadableAudio("the file is empty: copy it again from the phone platform")
    return open_audio(file, encoding=encoding)


def decode_file(path: Path, encoding: Encoding | None = None) -> DecodedAudio:
    """The whole of `open_recording` in one array, for files that are known to be short."""
    with open_recording(path, encoding) as stream:
        return stream.read_all()


def recording_id_of(content_sha256: str, file_name: bytes) -> str:
    """First 32 hex of SHA-256 over the content's hash and the original file name."""
    return hashlib.sha256(content_sha256.encode() + b"\0" + file_name).hexdigest()[:32]
