"""Files that appear whole or not at all, and stay after a power cut."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".part"
"""Suffix of a file that is being written; one that remains was left by a killed process."""


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Write `path` through a temporary file beside it, which may be read back meanwhile.

    At the end of the block it is synced and renamed to `path`, replacing what was there. Where the
    block raises, it is removed and what was there stays. Folders are created. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Starts with the whole name: sweeps find what killed processes leave by its owner's name.
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    with partial.open("x+b") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names created, renamed or removed in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
