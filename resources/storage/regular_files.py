"""Opening files that others may replace at any moment: never a link, a pipe or a device."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path

_MTIME_LIMITS = (-(2**63), 2**63 - 1)


class ChangedFile(Exception):  # noqa: N818 - no fault: the next scan sees another file
    """What lies at a place is not the file that was listed there."""


def version_of(status: os.stat_result) -> tuple[int, int]:
    """(size, time of change in ns since 1970): where either differs, it is another version.

    Times before 1677 and after 2262 count as those: a database holds 64 bits.
    """
    lowest, highest = _MTIME_LIMITS
    return status.st_size, min(max(status.st_mtime_ns, lowest), highest)


def open_regular(path: Path) -> FileIO:
    """Open a file for reading, unbuffered.

    Raises ChangedFile where there is something other than a regular file, OSError.
    """
    # A device does something when it is opened; what comes between is caught below.
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise ChangedFile
    file = FileIO(path, "rb", opener=_open_without_waiting)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ChangedFile
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
