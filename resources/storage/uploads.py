"""Files that are uploaded: written out of sight, then put into their own drop folder as a whole.

A batch lies in `.incoming/BATCH` until it is recorded in the warehouse, and then in `BATCH`, each
file in a folder of its own: `BATCH/0/call.wav`, with `BATCH/0/call.wav.json` as its sidecar.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callqa_assets.domain.calls.files import kind_of
from resources.storage.atomic import sync_folder
from resources.storage.drop_folder import UNFINISHED

_INCOMING = ".incoming"
"""Hidden: the drop folder does not list it."""
_UNFINISHED = tuple(ending.decode() for ending in UNFINISHED)
_MAX_NAME_BYTES = 200
"""A file system takes 255, and a sidecar's ending and a temporary one are added."""


@dataclass(frozen=True)
class UploadedFile:
    """One file that has arrived as a whole."""

    name: str
    size_bytes: int
    content_sha256: str


def harmless_name(sent: str | None) -> str:
    """The last part of a file's name as a client sent it: no folder, not hidden, of bounded length,
    and one that the drop folder lists as a recording."""
    text = unicodedata.normalize("NFC", sent or "")
    last = text.replace("\\", "/").rpartition("/")[2]
    visible = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    name = visible.strip().lstrip(".") or "upload"
    while len(name.encode()) > _MAX_NAME_BYTES:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[:-1]}.{suffix}" if dot and len(suffix) <= 8 and stem else name[:-1]
    is_listed = kind_of(name) == "audio" and not name.lower().endswith(_UNFINISHED)
    return name if is_listed else f"{name}.wav"


class IncomingFile:
    """A file that is arriving. `write` may be called with any pieces."""

    def __init__(self, folder: Path, sent_name: str | None) -> None:
        self.name = harmless_name(sent_name)
        folder.mkdir()
        self._path = folder / self.name
        self._file = self._path.open("xb")
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
        self.size_bytes += len(data)

    def finish(self) -> UploadedFile:
        """Close the file."""
        self._file.close()
        return UploadedFile(self.name, self.size_bytes, self._digest.hexdigest())

    def close(self) -> None:
        self._file.close()


class IncomingBatch:
    """A batch that is arriving, out of sight."""

    def __init__(self, root: Path, batch_id: str) -> None:
        self.batch_id = batch_id
        self._root = root
        self._folder = root / _INCOMING / batch_id
        self._folder.mkdir(parents=True)
        self.files: list[UploadedFile] = []
        self._open: IncomingFile | None = None

    def begin_file(self, sent_name: str | None) -> IncomingFile:
        """The next file, once the one before is finished."""
        self._open = IncomingFile(self._folder / str(len(self.files)), sent_name)
        return self._open

    def end_file(self, file: IncomingFile) -> None:
        self.files.append(file.finish())
        self._open = None

    def adopt(self, path: Path, name: str) -> None:
        """Make a file of the same disk the next one, under another name; it also stays where it
        is, for as long as the batch may yet be lost."""
        folder = self._folder / str(len(self.files))
        folder.mkdir()
        with path.open("rb") as file:
            content_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.link(path, folder / name)
        self.files.append(UploadedFile(name, (folder / name).stat().st_size, content_sha256))

    def describe(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """Write a sidecar beside each file of which there are facts, and bring all to the disk."""
        for number, (file, own) in enumerate(zip(self.files, facts, strict=True)):
            folder = self._folder / str(number)
            if own:
                sidecar = json.dumps(own, ensure_ascii=False)
                (folder / f"{file.name}.json").write_text(sidecar, "utf-8")
            for path in folder.iterdir():
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
            sync_folder(folder)
        sync_folder(self._folder)

    def show(self) -> None:
        """Put it where the drop folder lists it. The warehouse knows it by now."""
        self._folder.rename(self._root / self.batch_id)
        sync_folder(self._root)

    def discard(self) -> None:
        if self._open is not None:
            self._open.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def recover(root: Path, known: Collection[str]) -> None:
    """After a kill: show the batches that the warehouse knows, remove what it does not."""
    incoming = root / _INCOMING
    if not incoming.is_dir():
        return
    for folder in incoming.iterdir():
        if folder.name in known:
            folder.rename(root / folder.name)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sync_folder(root)


def tidy(root: Path, batch_ids: Collection[str]) -> None:
    """Remove the folders of finished batches, as far as nothing is left in them."""
    for batch_id in batch_ids:
        for folder in (*sorted((root / batch_id).glob("*")), root / batch_id):
            try:
                folder.rmdir()
            except OSError:
                continue  # not empty, or gone
