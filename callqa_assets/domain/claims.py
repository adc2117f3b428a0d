"""Claims: which process made a claim or a run, and whether it is still alive.

A pid may be reused; a pid with its start time is unique, even after a reboot.
"""

from __future__ import annotations

import os
import platform
import uuid
from dataclasses import dataclass

import psutil

_CLOCK_SLACK_S = 2.0
"""Linux counts start times from a boot time that a clock correction shifts by about a second."""


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
        """Whether the process is known to be gone; False if it is alive or on another host."""
        if self.host != platform.node():
            return False
        try:
            process = psutil.Process(self.pid)
            apart_s = abs(process.create_time() - float(self.started))
            return apart_s > _CLOCK_SLACK_S or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def new_claim() -> str:
    """A claim of this process that differs from every other: `host|pid|started#token`."""
    return f"{ProcessIdentity.current()}#{uuid.uuid4().hex}"


def owner_of(claim: str) -> ProcessIdentity:
    """The process that made a claim. Raises ValueError."""
    return ProcessIdentity.parse(claim.rpartition("#")[0])


def _start_time(process: psutil.Process) -> str:
    return f"{process.create_time():.2f}"
