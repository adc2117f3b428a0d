"""The drop folder, the landing zone of the phone platform's recordings: listed, never changed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from callqa_assets.domain.calls.files import DropFile
from callqa_assets.domain.errors import CallqaError

UNFINISHED = (b".part", b".tmp", b".filepart", b".crdownload")
"""Suffixes under which copy tools write; the file counts once it is renamed."""


class DropFolderError(CallqaError):
    """The drop folder cannot be listed."""


class DropFolder:
    """A folder and its subfolders. Hidden files, links and unfinished copies are not listed."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.realpath(os.fsencode(root))

    def list_files(self) -> list[DropFile]:
        """Every finished file, ordered by name. Raises DropFolderError naming it."""
        if not os.path.isdir(self.root):
            raise DropFolderError(
                f"the drop folder {os.fsdecode(self.root)} does not exist: create it or set "
                "CALLQA_DROP"
            )
        return sorted(self._walk(self.root), key=lambda file: file.name)

    def read(self, file: DropFile, max_bytes: int) -> bytes:
        """The first bytes of a listed file, at most `max_bytes` and one: whoever gets more than
        `max_bytes` knows that it is too large. Never a link, a pipe or a device that took its
        place. Raises OSError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(file.path, flags), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise OSError(errno.EINVAL, "no ordinary file")
            return opened.read(max_bytes + 1)

    def _walk(self, folder: bytes) -> Iterator[DropFile]:
        try:
            entries = os.scandir(folder)
        except (PermissionError, FileNotFoundError):
            if folder == self.root:
                raise
            return  # a subfolder that is locked or was just removed must not hide the others
        with entries:
            for entry in entries:
                if entry.name.startswith(b".") or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(entry.path)
                elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(UNFINISHED):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # removed while the folder was listed
                    yield DropFile(
                        path=entry.path,
                        name=os.path.relpath(entry.path, self.root),
                        size=status.st_size,
                        mtime_ns=status.st_mtime_ns,
                    )
