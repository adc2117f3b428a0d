"""Hearing a home in a process of its own, which can kill itself at a chosen point.

A real kill -9 of a real process: nothing is caught, closed or flushed on the way out.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callqa_assets import ingest, stage_contract
from callqa_assets.assets import alerts
from callqa_assets.warehouse.database import open_warehouse
from resources.emotion_lake import EmotionLake
from resources.home import Home
from resources.recording_archive import RecordingArchive
from tests.direct import DirectHearing
from tests.toy_models import ToyModels

POINTS: dict[str, tuple[Any, str]] = {
    "take": (RecordingArchive, "take"),
    "recording row": (ingest, "insert_recording"),
    "segments": (ToyModels, "detect"),
    "transcripts": (ToyModels, "transcribe"),
    "emotions": (ToyModels, "recognize"),
    "lake": (EmotionLake, "write"),
    "alerts": (alerts, "evaluate"),
    "commit": (stage_contract.stage_runs, "mark_ok"),
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


def hear_and_die(root: Path, rules: Path, point: str, call: int, after: bool) -> None:
    """Hear a home, two recordings a batch, up to the point."""
    kill_at(point, call, after=after)
    home = Home(root)
    DirectHearing(home, open_warehouse(home.database_url), rules).hear(
        ToyModels(), batch_recordings=2
    )


def run_process(target: Callable[..., None], *arguments: Any) -> int:
    """Run a function in a spawned process; returns its exit code (-9 where it was killed)."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode
