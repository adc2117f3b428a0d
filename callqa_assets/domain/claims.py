"""Who is working: the process behind a claim or a run, and whether it still lives.

A pid alone is reused; a pid with its start time is not, not even after a reboot.
"""

from __future__ import annotations

import os
import platform
import uuid
from dataclasses import dataclass

import psutil

_CLOCK_SLACK_S = 2.0
"""Linux tells start times against a boot time that a corrected clock shifts by a second."""


@dataclass(frozen=True)
class ProcessIdentity:
    host: str
    pid: int
    started: str
    """Start time as the operating system reports it, in seconds since the epoch."""

    @classmethod
    def current(cls) -> ProcessIdentity:
        pid = os.getpid()
        return cls(platform.node(), pid, _start_time(psutil.Process(pid)))

    @classmethod
    def parse(cls, text: str) -> ProcessIdentity:
        """Inverse of `str()`. Raises ValueError."""
        host, pid, started = text.rsplit("|", 2)
        return cls(host, int(pid), started)

    def __str__(self) -> str:
        return f"{self.host}|{self.pid}|{self.started}"

    def is_dead(self) -> bool:
        """True where this host can tell that the process is gone; False if alive or elsewhere."""
        if self.host != platform.node():
            return False
        try:
            process = psutil.Process(self.pid)
            apart_s = abs(process.create_time() - float(self.started))
            return apart_s > _CLOCK_SLACK_S or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def new_claim() -> str:
    """A claim of this process, unlike every other: what a row's `claimed_by` holds."""
    return f"{ProcessIdentity.current()}#{uuid.uuid4().hex}"


def owner_of(claim: str) -> ProcessIdentity:
    """The process that made the claim. Raises ValueError."""
    return ProcessIdentity.parse(claim.rpartition("#")[0])


def _start_time(process: psutil.Process) -> str:
    return f"{process.create_time():.2f}"
