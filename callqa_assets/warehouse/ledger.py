"""The ledger of stages: what is stored of each recording, what is pending, who works on it.

The loop over batches is `callqa_assets.stages.contract`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.domain.digest import digest
from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.warehouse.database import Warehouse, chunks
from callqa_assets.warehouse.recordings import recording_from_row
from callqa_assets.warehouse.tables import fingerprints, recordings, stage_runs

MAX_FAILURES = 3
"""Attempts that ended with an error before a recording is given up."""
MAX_CRASHES = 6
"""Attempts in which the process died; more than failures, as an operator's kill is no fault."""


@dataclass(frozen=True)
class Fingerprint:
    """What decides a stage's output besides its input: code, model, parameters."""

    stage: str
    code_version: str
    params: Mapping[str, Any] = field(default_factory=dict)
    model_id: str | None = None
    weights_sha256: str | None = None

    @property
    def hash(self) -> str:
        return digest(
            self.stage, self.code_version, self.model_id, self.weights_sha256, dict(self.params)
        )

    @classmethod
    def of_model(
        cls, stage: str, code_version: str, identity: ModelIdentity, **params: Any
    ) -> Fingerprint:
        """The fingerprint of a stage that runs one model, with the stage's own parameters."""
        return cls(
            stage,
            code_version,
            {**identity.params, **params},
            identity.model_id,
            identity.weights_sha256,
        )


@dataclass(frozen=True)
class StageInputs:
    """What a stage reads: the stages above it, and facts of the recording."""

    stage: str
    upstream: tuple[str, ...]
    facts: Callable[[Recording], Mapping[str, Any]]


@dataclass(frozen=True)
class PendingRecording:
    recording: Recording
    input_version: str
    target: str
    attempts: int
    """Earlier attempts at this same target."""


@dataclass(frozen=True)
class DayState:
    """Where the good recordings of a day stand for one stage."""

    pending: list[PendingRecording]
    current: list[str]
    failed: list[str]
    """Given up after their last attempt."""
    crashed: list[PendingRecording]
    """Their process died MAX_CRASHES times; to be recorded as failed."""
    blocked: dict[str, str]
    """Recording to the upstream stage that failed."""
    elsewhere: list[str]
    """Claimed by another live run, or waiting for one at an upstream stage."""


@dataclass(frozen=True)
class BatchRecord:
    """How the computation of a batch went, for `mark_ok`."""

    seconds: float
    audio_s: float
    recordings: int
    run_id: str
    artifact: str | None = None

    def share_of(self, recording: Recording) -> float:
        """Seconds of the batch that one recording answers for, by its length."""
        share = recording.duration_s / self.audio_s if self.audio_s else 1 / self.recordings
        return self.seconds * share


def read_day(
    connection: sa.Connection,
    inputs: StageInputs,
    fingerprint: str,
    day: str,
    *,
    only: Iterable[str] | None = None,
    force: str | None = None,
    now: datetime,
) -> DayState:
    """Sort the day's good recordings into pending, current, failed, blocked and elsewhere.

    `only` restricts to some recordings; with a `force` token, what is current without that
    token is pending again.
    """
    state = DayState([], [], [], [], {}, [])
    stages = (*inputs.upstream, inputs.stage)
    for row, runs in _recordings_with_runs(connection, day, stages, only):
        recording = recording_from_row(row)
        broken = [s for s in inputs.upstream if s in runs and runs[s].status in BROKEN]
        if broken:
            state.blocked[recording.recording_id] = broken[0]
            continue
        if any(s not in runs or runs[s].status != "ok" for s in inputs.upstream):
            state.elsewhere.append(recording.recording_id)
            continue
        input_version = digest(
            {s: runs[s].output_version for s in inputs.upstream}, dict(inputs.facts(recording))
        )
        target = digest(fingerprint, input_version)
        _sort_one(
            state,
            PendingRecording(recording, input_version, target, 0),
            runs.get(inputs.stage),
            fingerprint,
            force,
            now,
        )
    return state


BROKEN = ("failed", "blocked")


def _sort_one(
    state: DayState,
    item: PendingRecording,
    run: sa.Row[Any] | None,
    fingerprint: str,
    force: str | None,
    now: datetime,
) -> None:
    recording_id = item.recording.recording_id
    # A forced run starts the count of attempts anew; its token is its run id.
    counted = run is not None and run.target == item.target and force in (None, run.run_id)
    if run is not None and counted and run.status != "ok":
        item = replace(item, attempts=run.attempts)
    if run is None:
        state.pending.append(item)
    elif run.status == "ok":
        stored = (run.fingerprint, run.input_version) == (fingerprint, item.input_version)
        if stored and (force is None or run.output_version == digest(item.target, force)):
            state.current.append(recording_id)
        else:
            state.pending.append(item)
    elif run.status == "failed" and item.attempts >= MAX_FAILURES:
        state.failed.append(recording_id)
    elif run.status == "claimed" and not _is_free(run, now):
        state.elsewhere.append(recording_id)
    elif run.status == "claimed" and item.attempts >= MAX_CRASHES:
        state.crashed.append(item)
    else:
        state.pending.append(item)


def _is_free(run: sa.Row[Any], now: datetime) -> bool:
    owner = run.claimed_by.rpartition("#")[0]
    return run.lease_until <= now or ProcessIdentity.parse(owner).is_dead()


def _recordings_with_runs(
    connection: sa.Connection, day: str, stages: Sequence[str], only: Iterable[str] | None
) -> Iterable[tuple[sa.Row[Any], dict[str, sa.Row[Any]]]]:
    wanted = None if only is None else sorted(only)
    for ids in [None] if wanted is None else chunks(wanted):
        good = sa.select(recordings).where(recordings.c.day == day, recordings.c.status == "ok")
        runs = sa.select(stage_runs).where(stage_runs.c.day == day, stage_runs.c.stage.in_(stages))
        if ids is not None:
            good = good.where(recordings.c.recording_id.in_(ids))
            runs = runs.where(stage_runs.c.recording_id.in_(ids))
        by_recording: dict[str, dict[str, sa.Row[Any]]] = {}
        for run in connection.execute(runs):
            by_recording.setdefault(run.recording_id, {})[run.stage] = run
        for row in connection.execute(good.order_by(recordings.c.recording_id)):
            yield row, by_recording.get(row.recording_id, {})


def claim(
    warehouse: Warehouse,
    inputs: StageInputs,
    fingerprint: str,
    day: str,
    batch: Sequence[PendingRecording],
    *,
    token: str,
    lease: timedelta,
    force: str | None,
    run_id: str,
) -> list[PendingRecording]:
    """Take those of the batch that are still pending, in one transaction; returns what was taken.

    The attempt is counted now, so that a process that dies cannot try for ever.
    """
    with warehouse.write(lock=f"claim:{inputs.stage}:{day}") as connection:
        now = datetime.now(UTC)
        still = read_day(
            connection,
            inputs,
            fingerprint,
            day,
            only=[item.recording.recording_id for item in batch],
            force=force,
            now=now,
        ).pending
        _upsert(
            connection,
            inputs.stage,
            [
                {
                    "recording_id": item.recording.recording_id,
                    "day": day,
                    "status": "claimed",
                    "target": item.target,
                    "attempts": item.attempts + 1,
                    "claimed_by": token,
                    "lease_until": now + lease,
                    "run_id": run_id,
                }
                for item in still
            ],
        )
    # The caller's order: that in which their audio was loaded.
    taken = {item.recording.recording_id: item for item in still}
    return [taken[i.recording.recording_id] for i in batch if i.recording.recording_id in taken]


def own_days(
    connection: sa.Connection, stage: str, token: str, recording_ids: Sequence[str]
) -> dict[str, str]:
    """Of these recordings, those whose claim is still `token`, with the day they have now."""
    days: dict[str, str] = {}
    for ids in chunks(recording_ids):
        query = (
            sa.select(recordings.c.recording_id, recordings.c.day)
            .join(stage_runs, stage_runs.c.recording_id == recordings.c.recording_id)
            .where(
                stage_runs.c.stage == stage,
                stage_runs.c.status == "claimed",
                stage_runs.c.claimed_by == token,
                recordings.c.recording_id.in_(ids),
            )
            .order_by(recordings.c.recording_id)
            # Until the commit no other may claim them or move their day (SQLite has one writer).
            .with_for_update()
        )
        days |= {row.recording_id: row.day for row in connection.execute(query)}
    return days


def mark_ok(
    connection: sa.Connection,
    stage: str,
    fingerprint: str,
    items: Sequence[PendingRecording],
    record: BatchRecord,
    *,
    force: str | None,
) -> None:
    """Say that the stage's rows of these recordings are stored; in the rows' own transaction."""
    _update(
        connection,
        stage,
        [
            {
                "recording_id": item.recording.recording_id,
                "status": "ok",
                "fingerprint": fingerprint,
                "input_version": item.input_version,
                "output_version": item.target if force is None else digest(item.target, force),
                "claimed_by": None,
                "lease_until": None,
                "artifact": record.artifact,
                "error": None,
                "seconds": record.share_of(item.recording),
                "audio_s": item.recording.duration_s,
                "run_id": record.run_id,
                "finished_at": datetime.now(UTC),
            }
            for item in items
        ],
    )


def mark_failed(
    connection: sa.Connection,
    stage: str,
    recording_id: str,
    error: str,
    *,
    token: str | None,
    run_id: str,
) -> None:
    """Record an attempt's error. With a token, only while the claim is still the token's."""
    where = [stage_runs.c.recording_id == recording_id, stage_runs.c.stage == stage]
    if token is not None:
        where.append(stage_runs.c.claimed_by == token)
    connection.execute(
        sa.update(stage_runs)
        .where(*where)
        .values(
            status="failed",
            claimed_by=None,
            lease_until=None,
            error=error,
            run_id=run_id,
            finished_at=datetime.now(UTC),
        )
    )


def mark_blocked(
    connection: sa.Connection, stage: str, day: str, blocked: Mapping[str, str], *, run_id: str
) -> None:
    """Say that these recordings wait for an upstream stage that failed."""
    _upsert(
        connection,
        stage,
        [
            {
                "recording_id": recording_id,
                "day": day,
                "status": "blocked",
                "attempts": 0,
                "claimed_by": None,
                "lease_until": None,
                "error": f"stage '{upstream}' failed for this recording",
                "run_id": run_id,
                "finished_at": datetime.now(UTC),
            }
            for recording_id, upstream in blocked.items()
        ],
    )


def named_artifacts(connection: sa.Connection, stage: str) -> set[str]:
    """Lake files that the ledger names for a stage."""
    query = (
        sa.select(stage_runs.c.artifact)
        .distinct()
        .where(stage_runs.c.stage == stage, stage_runs.c.artifact.is_not(None))
    )
    return set(connection.execute(query).scalars())


def store_fingerprint(connection: sa.Connection, fingerprint: Fingerprint) -> None:
    """Keep what a fingerprint stands for; a second time is no change."""
    known = sa.select(fingerprints.c.fingerprint).where(
        fingerprints.c.fingerprint == fingerprint.hash
    )
    if connection.execute(known).first() is None:
        connection.execute(
            sa.insert(fingerprints).values(
                fingerprint=fingerprint.hash,
                stage=fingerprint.stage,
                code_version=fingerprint.code_version,
                model_id=fingerprint.model_id,
                weights_sha256=fingerprint.weights_sha256,
                params=dict(fingerprint.params),
            )
        )


def _upsert(connection: sa.Connection, stage: str, rows: Sequence[dict[str, Any]]) -> None:
    """Update the rows of a stage that exist, insert the others; all rows have the same keys."""
    known: set[str] = set()
    for ids in chunks([row["recording_id"] for row in rows]):
        query = sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.stage == stage, stage_runs.c.recording_id.in_(ids)
        )
        known.update(connection.execute(query).scalars())
    _update(connection, stage, [row for row in rows if row["recording_id"] in known])
    new = [{**row, "stage": stage} for row in rows if row["recording_id"] not in known]
    if new:
        connection.execute(sa.insert(stage_runs), new)


def _update(connection: sa.Connection, stage: str, rows: Sequence[dict[str, Any]]) -> None:
    """Set the columns that the rows name; all rows have the same keys."""
    if not rows:
        return
    statement = sa.update(stage_runs).where(
        stage_runs.c.recording_id == sa.bindparam("of_recording"), stage_runs.c.stage == stage
    )
    columns = {key: sa.bindparam(key) for key in rows[0] if key != "recording_id"}
    connection.execute(
        statement.values(columns),
        [
            {"of_recording": row["recording_id"], **{key: row[key] for key in columns}}
            for row in rows
        ],
    )
