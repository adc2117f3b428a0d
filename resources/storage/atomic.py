"""Files and folders that appear whole or not at all, and stay after a power cut."""

from __future__ import annotations

import os
import shutil
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


@contextmanager
def write_folder_atomically(folder: Path) -> Iterator[Path]:
    """Fill a temporary folder that becomes `folder` at the end of the block.

    Its files are synced first. What was at `folder` is replaced as a whole, and stays where the
    block raises. What a killed process left is tidied first: a folder that it had moved aside comes
    back. Two processes must not write the same folder at once. Raises OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.new{PARTIAL}")
    replaced = folder.with_name(f"{folder.name}.old{PARTIAL}")
    if replaced.exists() and not folder.exists():
        replaced.rename(folder)
    for left in (partial, replaced):
        shutil.rmtree(left, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for path in partial.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(partial)
        if folder.exists():
            folder.rename(replaced)
        try:
            partial.rename(folder)
        except OSError:
            if replaced.exists():
                replaced.rename(folder)
            raise
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)
