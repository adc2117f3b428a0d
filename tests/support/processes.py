"""Processing a home in a process of its own, which can kill itself at a chosen point.

A real kill -9 of a real process: nothing is caught, closed or flushed on the way out.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callqa_assets.ingestion import archiving
from callqa_assets.stages import alerts
from callqa_assets.warehouse.database import open_warehouse
from callqa_assets.warehouse.ledger import Ledger
from resources.storage.archive import RecordingArchive
from resources.storage.home import Home
from resources.storage.lake import EmotionLake
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

POINTS: dict[str, tuple[Any, str]] = {
    "archive": (RecordingArchive, "store"),
    "recording row": (archiving, "insert_recording"),
    "segments": (FakeModels, "detect"),
    "transcripts": (FakeModels, "transcribe"),
    "emotions": (FakeModels, "recognize"),
    "lake": (EmotionLake, "write"),
    "alerts": (alerts, "evaluate_calls"),
    "commit": (Ledger, "mark_ok"),
}
"""Functions at which a process may kill itself."""


def kill_at(point: str, call: int, *, after: bool = False) -> None:
    """Let this process kill itself at the `call`-th call of a point, before or after its work."""
    owner, name = POINTS[point]
    real, seen = getattr(owner, name), 0

    def count_and_kill(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        result = real(*args, **kwargs) if seen < call or after else None
        if seen == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, count_and_kill)


def run_and_die(root: Path, rules: Path, point: str, call: int, after: bool) -> None:
    """Process a home, two recordings per batch, up to the point."""
    kill_at(point, call, after=after)
    home = Home(root)
    DirectRun(home, open_warehouse(home.database_url), rules).run(FakeModels(), batch_recordings=2)


_PROCESSES = multiprocessing.get_context("forkserver")
# Forked from a server that has imported everything and done nothing: saves a second per process.
_PROCESSES.set_forkserver_preload(["tests.support.processes", "callqa_assets.cli.headless"])


def run_processes(target: Callable[..., None], *arguments: Any, count: int) -> list[int]:
    """Run a function in several processes at once, each given a barrier for them all first;
    returns their exit codes (-9 where killed)."""
    barrier = _PROCESSES.Barrier(count)
    processes = [
        _PROCESSES.Process(target=target, args=(barrier, *arguments)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode or 0 for process in processes]


def run_process(target: Callable[..., None], *arguments: Any) -> int:
    """Run a function in a process of its own; returns its exit code (-9 where it was killed)."""
    process = _PROCESSES.Process(target=target, args=arguments)
    process.start()
    process.join()
    return process.exitcode or 0


def use_home(root: Path, **settings: str) -> None:
    """Point this process's environment to a home; it does not inherit that of the test."""
    os.environ |= {
        "CALLQA_HOME": str(root),
        **settings,
    }
