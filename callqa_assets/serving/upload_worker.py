"""What becomes of uploaded files: archived, taken through every stage, and reported.

The ledger is the queue: after a kill, the next cycle goes on. Beside it Dagster's runs may work on
the same days; claims share the work.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from callqa_assets.ingestion.archiving import ingest_day
from callqa_assets.pipeline import Pipeline
from callqa_assets.stages.contract import run_stage
from callqa_assets.stages.registry import STAGE_NAMES, STAGES
from callqa_assets.warehouse import batches
from callqa_assets.warehouse.batches import BatchFile, FileId
from callqa_assets.warehouse.dirty_days import day_is_settled, mark_done, read_generation
from callqa_assets.warehouse.files import OPEN
from resources.storage import uploads

_log = logging.getLogger(__name__)

FILES_AT_ONCE = 32
"""Of which the first results come before the next are begun; as many as a stage takes at once."""
_POLL_S = 2.0
"""Files that another process works on are looked at again so often."""


@dataclass(frozen=True)
class CycleReport:
    """What one cycle did."""

    finished: int = 0
    waiting: frozenset[FileId] = frozenset()
    """Files that are claimed elsewhere, or that cannot be archived now."""
    problems: Sequence[str] = ()


def process_uploads(pipeline: Pipeline, skip: Collection[FileId] = ()) -> CycleReport:
    """Take the oldest uploaded files through every stage. Its drop folder is that of uploads.

    Args:
        skip: Files for which another turn comes later, lest they keep all others waiting.

    Raises where the warehouse fails, or a stage as a whole cannot work.
    """
    warehouse, drop_root = pipeline.context.warehouse, pipeline.drop.root
    with warehouse.read() as connection:
        oldest = batches.read_queued(connection, FILES_AT_ONCE + len(skip))
    queued = [file for file in oldest if file.file_id not in skip][:FILES_AT_ONCE]
    if not queued:
        return CycleReport()
    run_id = f"serve-{uuid.uuid4().hex[:12]}"
    pipeline.scan(settle=timedelta(0))
    with warehouse.read() as connection:
        arrivals = batches.read_arrivals(connection, drop_root, queued)
    problems: list[str] = []
    for day in sorted({a.day for a in arrivals.values() if a.day and a.state in OPEN}):
        report = ingest_day(
            warehouse,
            pipeline.context.home,
            day,
            run_id=run_id,
            copy=False,
            progress=lambda *_: None,
            drop_root=drop_root,
        )
        problems += report.problems
    with warehouse.read() as connection:
        arrivals = batches.read_arrivals(connection, drop_root, queued)
        ids = {a.recording_id for a in arrivals.values() if a.recording_id is not None}
        found = batches.read_found(connection, ids)
    days: defaultdict[str, set[str]] = defaultdict(set)
    for recording_id, recording in found.items():
        if recording.status == "ok":
            days[recording.day].add(recording_id)
    elsewhere = _run_stages(pipeline, days, run_id)
    with warehouse.write() as connection:
        outcomes = _find_outcomes(connection, queued, arrivals, found, elsewhere)
        batches.finish(connection, outcomes, datetime.now(UTC))
    uploads.tidy(pipeline.context.home.uploads, {batch_id for batch_id, _ in outcomes})
    waiting = frozenset(file.file_id for file in queued) - outcomes.keys()
    return CycleReport(len(outcomes), waiting, tuple(problems))


def _run_stages(pipeline: Pipeline, days: dict[str, set[str]], run_id: str) -> set[str]:
    """Bring these recordings up to date; returns the days on which others hold some of them."""
    context = pipeline.context
    with context.warehouse.read() as connection:
        generations = {day: read_generation(connection, day) for day in days}
    elsewhere: set[str] = set()
    for definition in STAGES:
        stage = definition.build(context)
        for day in sorted(days):
            report = run_stage(context.warehouse, stage, day, run_id=run_id, only=days[day])
            if report.elsewhere:
                elsewhere.add(day)
        definition.clean_up(context, sorted(days))
    with context.warehouse.write() as connection:
        for day, generation in generations.items():
            if day_is_settled(connection, day, STAGE_NAMES):
                mark_done(connection, day, generation)
    return elsewhere


def _find_outcomes(
    connection: sa.Connection,
    queued: Sequence[BatchFile],
    arrivals: dict[str, batches.Arrival],
    found: dict[str, batches.FoundRecording],
    elsewhere: Collection[str],
) -> dict[FileId, str | None]:
    """File to the reason of its failure, None where it is done; without those still under way."""
    errors = batches.read_stage_errors(connection, found)
    outcomes: dict[FileId, str | None] = {}
    for file in queued:
        key = file.file_id
        arrival = arrivals.get(file.path)
        if arrival is None or arrival.state in OPEN or arrival.recording_id is None:
            if arrival is not None and arrival.state in ("gone", "replaced"):
                outcomes[key] = "the file was removed before it was archived: send it again"
            continue
        recording_id = batches.find_original(found, arrival.recording_id)
        recording = found.get(recording_id)
        if recording is None:
            continue
        if recording.status == "quarantined":
            outcomes[key] = recording.reason or "it cannot be read"
            continue
        ended = errors.get(recording_id, {})
        if recording.day in elsewhere or any(name not in ended for name in STAGE_NAMES):
            continue
        failed = [f"{stage}: {error}" for stage, error in ended.items() if error is not None]
        outcomes[key] = failed[0] if failed else None
    return outcomes


@dataclass
class UploadWorker:
    """A thread that processes what is uploaded, as long as the server runs."""

    open_pipeline: Callable[[], Pipeline]
    """Called for every cycle: configuration may have changed."""
    after_cycle: Callable[[], None]
    """Called where something was finished: to deliver its alerts."""
    problems: Sequence[str] = ()
    """What kept the last cycle from its work."""
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was uploaded."""
        self._wake.set()

    def stop(self, timeout_s: float) -> None:
        """End after the cycle at hand, or leave it where it is: the next start goes on."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        skip: frozenset[FileId] = frozenset()
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                report = process_uploads(self.open_pipeline(), skip)
            except Exception as error:  # noqa: BLE001 - the boundary: told in /health, tried again
                # Its text could quote a row.
                self.problems = (f"uploads wait ({type(error).__name__}): see the log",)
                _log.exception("uploads cannot be processed now; tried again")
                report = CycleReport()
            else:
                self.problems = report.problems
            if report.finished:
                self.after_cycle()
            if report.finished or report.waiting:
                skip |= report.waiting
                continue
            # Nothing is left but what was skipped, or nothing can be done at all.
            self._wake.wait(_POLL_S if skip or self.problems else None)
            skip = frozenset()
