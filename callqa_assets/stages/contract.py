"""The stage contract: how a stage goes through a day's pending recordings. All four stages use it.

After a kill at any point the next run does what is left; two runs on one day share the work; a
recording that fails, fails alone. What is pending and who works on it is in `warehouse.ledger`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.stages.read_ahead import read_ahead
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.ledger import (
    MAX_FAILURES,
    BatchRecord,
    DayState,
    Fingerprint,
    Ledger,
    PendingRecording,
    StageInputs,
)

_READ_AHEAD = 2
_LEASE_FLOOR = timedelta(minutes=10)


Loaded = TypeVar("Loaded")
"""What a stage loads of one recording."""

Rows = TypeVar("Rows")
"""What a stage computes for one recording, and its `write` stores."""


@dataclass(frozen=True)
class BatchResult(Generic[Rows]):
    """What a stage computed for a batch: rows by recording, and the lake file with the rest."""

    rows: Mapping[str, Rows]
    artifact: str | None = None


@dataclass(frozen=True)
class Stage(Generic[Loaded, Rows]):
    """One stage: what it reads, how it loads and computes, how its rows are written.

    `prepare` is called once, before anything is claimed, where something is pending: what is wrong
    with the stage as a whole (no weights, no rules) is raised there and fails no recording.
    `load` runs ahead in a thread and may raise; `compute` gets the batch with what was loaded,
    runs outside any transaction, and may raise for the whole batch, which is then retried one
    recording at a time.
    """

    inputs: StageInputs
    fingerprint: Fingerprint
    prepare: Callable[[], object]
    load: Callable[[Recording], Loaded]
    compute: Callable[[Sequence[tuple[Recording, Loaded]]], BatchResult[Rows]]
    write: Callable[[sa.Connection, Mapping[str, str], Mapping[str, Rows]], None]
    """(connection, day by recording, rows by recording): inside the batch's one transaction."""
    batch_audio_s: float = 600.0
    batch_recordings: int = 32
    lease_per_audio_s: float = 2.0
    """Seconds of lease per second of audio, at least ten minutes in all. Longer than the work
    takes: when it ends, another run may claim the recording."""

    @property
    def name(self) -> str:
        return self.inputs.stage


@dataclass
class StageReport:
    """Result of a stage's run over one day."""

    computed: int = 0
    current: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    """Recording to its error, for those given up."""
    blocked: int = 0
    elsewhere: int = 0

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of computing per second of audio; None where nothing was computed."""
        return self.seconds / self.audio_s if self.audio_s else None


Progress = Callable[[str, str, int, int], None]
"""(stage, day, recordings done, recordings to do), after every batch."""


def run_stage(
    warehouse: Warehouse,
    stage: Stage[Loaded, Rows],
    day: str,
    *,
    run_id: str,
    force: bool = False,
    progress: Progress = lambda stage, day, done, total: None,
) -> StageReport:
    """Bring one day of one stage up to date with what is stored upstream.

    Raises where `prepare` or the warehouse fails; a recording's own failure is in the report.
    """
    report = StageReport()
    ledger = Ledger(
        warehouse,
        stage.inputs,
        stage.fingerprint,
        day,
        run_id,
        # The run's own id, so that a forced run that is resumed goes on where it stopped.
        force_token=run_id if force else None,
    )
    work = _StageWork(stage, ledger, report)
    ledger.store_fingerprint()
    total = None
    while pending := work.plan():
        if total is None:
            stage.prepare()
            total = len(pending)
        progress(stage.name, day, report.computed, total)
        for batch in work.batches(pending):
            work.process(batch)
            progress(stage.name, day, report.computed + len(report.failed), total)
    return report


_LoadedRecording = tuple[PendingRecording, Loaded | Exception]


@dataclass
class _StageWork(Generic[Loaded, Rows]):
    stage: Stage[Loaded, Rows]
    ledger: Ledger
    report: StageReport
    forced: Counter[str] = field(default_factory=Counter)
    """How often this forced run tried a recording: two of them would else never end."""

    def plan(self) -> list[PendingRecording]:
        """What is pending now: untouched recordings first, then those that failed before."""
        state = self.ledger.read_day()
        self._record_hopeless(state)
        self.report.current = len(state.current)
        self.report.blocked = len(state.blocked)
        self.report.elsewhere = len(state.elsewhere)
        for recording_id in state.failed:
            self.report.failed.setdefault(recording_id, "failed in an earlier run")
        pending = [
            item
            for item in state.pending
            if self.forced[item.recording.recording_id] < MAX_FAILURES
        ]
        return sorted(pending, key=lambda p: (p.attempts, p.recording.recording_id))

    def _record_hopeless(self, state: DayState) -> None:
        """Record the recordings that get no further attempt."""
        if state.blocked:
            self.ledger.mark_blocked(state.blocked)
        if state.crashed:
            errors = {
                item.recording.recording_id: (
                    f"the process died {item.attempts} times while it worked on this recording; "
                    "look for out-of-memory kills, then run the day with force"
                )
                for item in state.crashed
            }
            self.ledger.mark_crashed(errors)
            self.report.failed.update(errors)

    def batches(
        self, pending: Sequence[PendingRecording]
    ) -> Iterator[list[_LoadedRecording[Loaded]]]:
        """Loaded recordings in batches; one that failed or crashed before goes alone."""
        batch: list[_LoadedRecording[Loaded]] = []
        audio_s = 0.0
        stream = read_ahead(pending, lambda item: self.stage.load(item.recording), _READ_AHEAD)
        for item, loaded in stream:
            alone = item.attempts > 0 or isinstance(loaded, Exception)
            full = (
                audio_s + item.recording.duration_s > self.stage.batch_audio_s
                or len(batch) >= self.stage.batch_recordings
            )
            if batch and (alone or full):
                yield batch
                batch, audio_s = [], 0.0
            batch.append((item, loaded))
            audio_s += item.recording.duration_s
            if alone:
                yield batch
                batch, audio_s = [], 0.0
        if batch:
            yield batch

    def process(self, batch: Sequence[_LoadedRecording[Loaded]]) -> None:
        """Claim a batch, compute it outside any transaction, commit it in one."""
        audio_s = sum(item.recording.duration_s for item, _ in batch)
        lease_s = self.stage.lease_per_audio_s * audio_s
        claimed = self.ledger.claim(
            [item for item, _ in batch], max(_LEASE_FLOOR, timedelta(seconds=lease_s))
        )
        loaded = {item.recording.recording_id: content for item, content in batch}
        mine = [(item, loaded[item.recording.recording_id]) for item in claimed]
        if not mine:
            return
        try:
            self._compute_and_commit(mine)
        except Exception as error:  # noqa: BLE001 - the boundary: recorded for its recording
            _raise_if_warehouse_failed(error)
            if len(mine) == 1:
                self._fail(mine[0][0], error)
                return
            for one in mine:
                try:
                    self._compute_and_commit([one])
                except Exception as lone_error:  # noqa: BLE001 - likewise
                    _raise_if_warehouse_failed(lone_error)
                    self._fail(one[0], lone_error)

    def _compute_and_commit(self, batch: Sequence[_LoadedRecording[Loaded]]) -> None:
        started = time.perf_counter()
        loaded: list[tuple[Recording, Loaded]] = []
        for item, content in batch:
            if isinstance(content, Exception):
                raise content
            loaded.append((item.recording, content))
        result = self.stage.compute(loaded)
        seconds = time.perf_counter() - started
        audio_s = sum(recording.duration_s for recording, _ in loaded)
        record = BatchRecord(seconds, audio_s, len(batch), result.artifact)
        with self.ledger.warehouse.write() as connection:
            days = self.ledger.own_days(
                connection, [recording.recording_id for recording, _ in loaded]
            )
            # Without those whose lease ran out: another run claimed them.
            mine = [item for item, _ in batch if item.recording.recording_id in days]
            self.stage.write(connection, days, {i: result.rows[i] for i in days})
            self.ledger.mark_ok(connection, mine, record)
        if self.ledger.force_token is not None:
            self.forced.update(dict.fromkeys(days, MAX_FAILURES))
        self.report.computed += len(days)
        self.report.audio_s += audio_s
        self.report.seconds += seconds

    def _fail(self, item: PendingRecording, error: Exception) -> None:
        recording_id = item.recording.recording_id
        # PostgreSQL's further lines quote the row, and with it the transcript.
        cause = str(error.orig).partition("\n")[0] if isinstance(error, exc.DBAPIError) else error
        text = f"{type(error).__name__}: {cause}"[:2000]
        self.ledger.mark_failed(recording_id, text)
        if self.ledger.force_token is not None:
            self.forced[recording_id] += 1
        if item.attempts + 1 >= MAX_FAILURES:
            self.report.failed[recording_id] = text


def _raise_if_warehouse_failed(error: Exception) -> None:
    """Raise an error of the warehouse itself; rows that it refuses are the recording's fault."""
    refused = (exc.IntegrityError, exc.DataError)
    if isinstance(error, exc.SQLAlchemyError) and not isinstance(error, refused):
        raise error
