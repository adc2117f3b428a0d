"""The stage contract: how a stage goes through a day's pending recordings. Every stage uses it.

Recordings are claimed before anything is done with them, and while a batch is computed the next one
is claimed and loaded. After a kill at any point the next run does what is left; two runs on one day
share the work; a recording that fails, fails alone. What is pending and who works on it is in
`warehouse.ledger`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.stages.read_ahead import read_ahead
from callqa_assets.warehouse.changed_days import mark_changed
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
"""Batches: one is computed while the next is loaded."""
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
    with the stage as a whole (no weights, no rules) is raised there and fails no recording. `load`
    runs ahead in a thread, for one recording at a time, and may raise; `compute` gets the batch
    with what was loaded, runs outside any transaction, and may raise for the whole batch, which is
    then retried one recording at a time.
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
    """Seconds of lease per second of audio, of the batch and of the one before it; at least ten
    minutes in all. Longer than the work takes: when it ends, another run may claim the recording.
    """

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
    only: Collection[str] | None = None,
    progress: Progress = lambda stage, day, done, total: None,
) -> StageReport:
    """Bring one day of one stage, or `only` these recordings of it, up to date with what is stored
    upstream.

    Raises where `prepare` or the warehouse fails; a recording's own failure is in the report. If it
    raises anything, as where the run is stopped, what it claimed is free again.
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
    work = _StageWork(stage, ledger, report, None if only is None else frozenset(only))
    ledger.store_fingerprint()
    total = None
    try:
        while pending := work.plan():
            if total is None:
                stage.prepare()
                total = len(pending)
            progress(stage.name, day, report.computed, total)
            with closing(work.batches(pending)) as batches:
                for batch in batches:
                    work.process(batch)
                    progress(stage.name, day, report.computed + len(report.failed), total)
    except BaseException:
        with suppress(exc.SQLAlchemyError):  # the first error says what is wrong
            ledger.release()
        raise
    return report


_LoadedRecording = tuple[PendingRecording, Loaded | Exception]


@dataclass
class _StageWork(Generic[Loaded, Rows]):
    stage: Stage[Loaded, Rows]
    ledger: Ledger
    report: StageReport
    only: frozenset[str] | None = None
    forced: Counter[str] = field(default_factory=Counter)
    """How often this forced run tried a recording: two of them would else never end."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """The run ends early: of the batch that is being loaded, no further recording is needed."""

    def plan(self) -> list[PendingRecording]:
        """What is pending now: untouched recordings first, then those that failed before."""
        state = self.ledger.read_day()
        if self.only is not None:
            state = state.restrict(self.only)
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
    ) -> Generator[list[_LoadedRecording[Loaded]]]:
        """This run's own recordings in loaded batches; the next one is claimed and loads meanwhile.

        A recording that was claimed when a process died, or that failed, is claimed when nothing
        else is: if the process dies again, that recording is to blame and no other.
        """
        untouched = [item for item in pending if item.attempts == 0]
        ahead = read_ahead(self._claim_all(self._group(untouched)), self._load, _READ_AHEAD)
        with closing(ahead) as loading:
            try:
                for _, batch in loading:
                    if isinstance(batch, Exception):
                        raise batch
                    yield batch
            except BaseException:
                self.stopped.set()
                raise
        for item in pending:
            if item.attempts > 0:
                for batch in self._claim_all([[item]]):
                    yield self._load(batch)

    def _group(self, items: Sequence[PendingRecording]) -> Iterator[list[PendingRecording]]:
        """Batches as large as the stage allows."""
        batch: list[PendingRecording] = []
        audio_s = 0.0
        for item in items:
            audio_s += item.recording.duration_s
            full = audio_s > self.stage.batch_audio_s or len(batch) == self.stage.batch_recordings
            if batch and full:
                yield batch
                batch, audio_s = [], item.recording.duration_s
            batch.append(item)
        if batch:
            yield batch

    def _claim_all(
        self, batches: Iterable[Sequence[PendingRecording]]
    ) -> Iterator[list[PendingRecording]]:
        """Of each batch, what no other run has claimed."""
        before_s = 0.0
        for batch in batches:
            audio_s = _audio_s(batch)
            # It waits until the batch before it is computed.
            lease_s = self.stage.lease_per_audio_s * (before_s + audio_s)
            claimed = self.ledger.claim(batch, max(_LEASE_FLOOR, timedelta(seconds=lease_s)))
            if claimed:
                yield claimed
                before_s = audio_s

    def _load(self, batch: Sequence[PendingRecording]) -> list[_LoadedRecording[Loaded]]:
        """Each recording with what the stage loads of it, or the exception that it raised."""
        loaded: list[_LoadedRecording[Loaded]] = []
        for item in batch:
            if self.stopped.is_set():
                break
            try:
                loaded.append((item, self.stage.load(item.recording)))
            except Exception as error:  # noqa: BLE001 - the boundary: recorded for its recording
                loaded.append((item, error))
        return loaded

    def process(self, batch: Sequence[_LoadedRecording[Loaded]]) -> None:
        """Compute a claimed batch outside any transaction, commit it in one."""
        loaded: list[tuple[PendingRecording, Loaded]] = []
        for item, content in batch:
            if isinstance(content, Exception):
                _raise_if_warehouse_failed(content)
                self._fail(item, content)
            else:
                loaded.append((item, content))
        try:
            if loaded:
                self._compute_and_commit(loaded)
        except Exception as error:  # noqa: BLE001 - the boundary: recorded for its recording
            _raise_if_warehouse_failed(error)
            if len(loaded) == 1:
                self._fail(loaded[0][0], error)
                return
            for one in loaded:
                try:
                    self._compute_and_commit([one])
                except Exception as lone_error:  # noqa: BLE001 - likewise
                    _raise_if_warehouse_failed(lone_error)
                    self._fail(one[0], lone_error)

    def _compute_and_commit(self, batch: Sequence[tuple[PendingRecording, Loaded]]) -> None:
        started = time.perf_counter()
        result = self.stage.compute([(item.recording, content) for item, content in batch])
        seconds = time.perf_counter() - started
        audio_s = _audio_s([item for item, _ in batch])
        record = BatchRecord(seconds, audio_s, len(batch), result.artifact)
        with self.ledger.warehouse.write() as connection:
            days = self.ledger.own_days(
                connection, [item.recording.recording_id for item, _ in batch]
            )
            # Without those whose lease ran out: another run claimed them.
            mine = [item for item, _ in batch if item.recording.recording_id in days]
            self.stage.write(connection, days, {i: result.rows[i] for i in days})
            self.ledger.mark_ok(connection, mine, record)
            mark_changed(connection, days.values())
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


def _audio_s(items: Iterable[PendingRecording]) -> float:
    """Seconds of audio of these recordings."""
    return sum(item.recording.duration_s for item in items)


def _raise_if_warehouse_failed(error: Exception) -> None:
    """Raise an error of the warehouse itself; rows that it refuses are the recording's fault."""
    refused = (exc.IntegrityError, exc.DataError)
    if isinstance(error, exc.SQLAlchemyError) and not isinstance(error, refused):
        raise error
