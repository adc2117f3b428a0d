"""Processes of their own, forked from a server that has imported what they need.

One can kill itself at a chosen point, by a real kill -9: nothing is caught, closed or flushed on
the way out. One can be the `callqa` command.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from callqa_assets.ingestion import archiving
from callqa_assets.stages import alerts
from callqa_assets.warehouse.database import open_warehouse
from callqa_assets.warehouse.ledger import Ledger
from resources.storage.archive import RecordingArchive
from resources.storage.home import REPO, Home
from resources.storage.lake import EmotionLake
from tests.support.dagster_files import keep_files_open
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

POINTS: dict[str, tuple[Any, str]] = {
    "archive": (RecordingArchive, "store"),
    "recording row": (archiving, "insert_recording"),
    "load": (RecordingArchive, "load"),
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
_PRELOADED = ["tests.support.processes", "callqa_assets.cli.headless"]
_PROCESSES.set_forkserver_preload(_PRELOADED)


def preload(*modules: str) -> None:
    """Let the server import more: seconds saved in every process that needs it.

    To be called where a test module is imported: the first process starts the server.
    """
    _PRELOADED.extend(module for module in modules if module not in _PRELOADED)
    _PROCESSES.set_forkserver_preload(_PRELOADED)


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


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> CompletedProcess[str]:
    """`callqa` with these arguments, in a process of its own with this environment and no other;
    what it prints passes through files in `folder`."""
    printed = [folder / "stdout.txt", folder / "stderr.txt"]
    code = run_process(_be_command, list(arguments), dict(environment), printed)
    return CompletedProcess(arguments, code, *(path.read_text("utf-8") for path in printed))


def _be_command(arguments: list[str], environment: dict[str, str], printed: list[Path]) -> None:
    from callqa_assets.cli import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(REPO)
    for descriptor, path in enumerate(printed, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    keep_files_open()
    sys.argv = ["callqa", *arguments]
    main()
