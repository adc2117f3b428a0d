"""The ledger of stages: what is stored of each recording, what is pending, who works on it.

The loop over batches is `callqa_assets.stages.contract`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.claims import new_claim, owner_of
from callqa_assets.domain.digest import digest
from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.warehouse.database import Warehouse, chunks
from callqa_assets.warehouse.recordings import recording_from_row
from callqa_assets.warehouse.tables import fingerprints, recordings, stage_runs

MAX_FAILURES = 3
"""Attempts that ended with an error before a recording is given up."""
MAX_CRASHES = 3
"""Attempts in which the process died. A run that is stopped or raises gives its attempts back; a
recording that was claimed when a process died is attempted alone from then on."""


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
    """What a stage reads: the output of upstream stages, and facts of the recording."""

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
class LedgerRow:
    """What `stage_runs` holds of one recording and stage, as far as sorting a day needs it."""

    status: Literal["ok", "failed", "blocked", "claimed"]
    run_id: str | None
    fingerprint: str | None = None
    input_version: str | None = None
    output_version: str | None = None
    target: str | None = None
    attempts: int = 0
    claimed_by: str | None = None
    lease_until: datetime | None = None

    def attempts_at(self, target: str, force_token: str | None) -> int:
        """Earlier attempts at this target; a forced run counts only its own."""
        counts = self.target == target and force_token in (None, self.run_id)
        return self.attempts if counts and self.status != "ok" else 0

    def is_free(self, now: datetime) -> bool:
        """True where nobody works on it: unclaimed, its lease over or its process dead."""
        if self.claimed_by is None or self.lease_until is None:
            return True
        return self.lease_until <= now or owner_of(self.claimed_by).is_dead()


@dataclass(frozen=True)
class DayState:
    """The good recordings of a day, by their state in one stage."""

    pending: list[PendingRecording] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Given up after their last attempt."""
    crashed: list[PendingRecording] = field(default_factory=list)
    """Their process died MAX_CRASHES times; to be recorded as failed."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Recording to the upstream stage that failed."""
    elsewhere: list[str] = field(default_factory=list)
    """Claimed by another live run, or waiting for one at an upstream stage."""

    def restrict(self, only: Collection[str]) -> DayState:
        """The state of these recordings alone."""
        return DayState(
            pending=[p for p in self.pending if p.recording.recording_id in only],
            current=[i for i in self.current if i in only],
            failed=[i for i in self.failed if i in only],
            crashed=[p for p in self.crashed if p.recording.recording_id in only],
            blocked={i: stage for i, stage in self.blocked.items() if i in only},
            elsewhere=[i for i in self.elsewhere if i in only],
        )


_BROKEN = ("failed", "blocked")


def sort_day(
    recordings_with_rows: Iterable[tuple[Recording, Mapping[str, LedgerRow]]],
    inputs: StageInputs,
    fingerprint: str,
    *,
    force_token: str | None,
    now: datetime,
) -> DayState:
    """Sort recordings, each with its ledger rows by stage, by what is to be done with them.

    With a `force_token`, what is current without that token is pending again.
    """
    state = DayState()
    for recording, rows in recordings_with_rows:
        recording_id = recording.recording_id
        broken = [s for s in inputs.upstream if s in rows and rows[s].status in _BROKEN]
        if broken:
            state.blocked[recording_id] = broken[0]
            continue
        if any(s not in rows or rows[s].status != "ok" for s in inputs.upstream):
            state.elsewhere.append(recording_id)
            continue
        input_version = digest(
            {s: rows[s].output_version for s in inputs.upstream}, dict(inputs.facts(recording))
        )
        target = digest(fingerprint, input_version)
        row = rows.get(inputs.stage)
        attempts = 0 if row is None else row.attempts_at(target, force_token)
        item = PendingRecording(recording, input_version, target, attempts)
        if row is None:
            state.pending.append(item)
        elif row.status == "ok":
            is_stored = (row.fingerprint, row.input_version) == (fingerprint, input_version)
            # A run without force accepts what an earlier forced run stored.
            is_forced = force_token is None or row.output_version == _output_version(
                target, force_token
            )
            if is_stored and is_forced:
                state.current.append(recording_id)
            else:
                state.pending.append(item)
        elif row.status == "failed" and attempts >= MAX_FAILURES:
            state.failed.append(recording_id)
        elif row.status == "claimed" and not row.is_free(now):
            state.elsewhere.append(recording_id)
        elif row.status == "claimed" and attempts >= MAX_CRASHES:
            state.crashed.append(item)
        else:
            state.pending.append(item)
    return state


def _output_version(target: str, force_token: str | None) -> str:
    """What downstream stages see: a forced computation is another version of the same target."""
    return target if force_token is None else digest(target, force_token)


@dataclass(frozen=True)
class BatchRecord:
    """How the computation of a batch went, for `mark_ok`."""

    seconds: float
    audio_s: float
    recordings: int
    artifact: str | None = None

    def share_of(self, recording: Recording) -> float:
        """Seconds of the batch that are one recording's share, by duration."""
        share = recording.duration_s / self.audio_s if self.audio_s else 1 / self.recordings
        return self.seconds * share


@dataclass(frozen=True)
class Ledger:
    """The ledger rows of one stage and day, as one run reads and writes them.

    A run records results only for recordings that it still claims (`own_days`): once its lease
    ran out, another run may have claimed them.
    """

    warehouse: Warehouse
    inputs: StageInputs
    fingerprint: Fingerprint
    day: str
    run_id: str
    force_token: str | None = None
    """Computes again what is current, once for each token; None: only what is pending."""
    claim_token: str = field(default_factory=new_claim)

    @property
    def stage(self) -> str:
        return self.inputs.stage

    def store_fingerprint(self) -> None:
        """Store what the fingerprint is a hash of. Idempotent."""
        known = sa.select(fingerprints.c.fingerprint).where(
            fingerprints.c.fingerprint == self.fingerprint.hash
        )
        with self.warehouse.write(lock="fingerprints") as connection:
            if connection.execute(known).first() is None:
                connection.execute(
                    sa.insert(fingerprints).values(
                        fingerprint=self.fingerprint.hash,
                        stage=self.fingerprint.stage,
                        code_version=self.fingerprint.code_version,
                        model_id=self.fingerprint.model_id,
                        weights_sha256=self.fingerprint.weights_sha256,
                        params=dict(self.fingerprint.params),
                    )
                )

    def read_day(self) -> DayState:
        """The current state of the day's good recordings."""
        with self.warehouse.read() as connection:
            return self._sort(self._read(connection), datetime.now(UTC))

    def claim(self, batch: Sequence[PendingRecording], lease: timedelta) -> list[PendingRecording]:
        """Claim those of the batch that are still pending, in one transaction; returns them.

        The attempt is counted now, so that a process that dies cannot try for ever.
        """
        ids = [item.recording.recording_id for item in batch]
        with self.warehouse.write(lock=self._lock) as connection:
            now = datetime.now(UTC)
            rows = (row for some in chunks(sorted(ids)) for row in self._read(connection, some))
            still = self._sort(rows, now).pending
            self._upsert(
                connection,
                [
                    {
                        "recording_id": item.recording.recording_id,
                        "day": self.day,
                        "status": "claimed",
                        "target": item.target,
                        "attempts": item.attempts + 1,
                        "claimed_by": self.claim_token,
                        "lease_until": now + lease,
                        "run_id": self.run_id,
                    }
                    for item in still
                ],
            )
        # The caller's order.
        claimed = {item.recording.recording_id: item for item in still}
        return [claimed[recording_id] for recording_id in ids if recording_id in claimed]

    def release(self) -> None:
        """Give back what this run still claims, for any other run, with its attempts.

        For a run that ends before its work, in a process that lives on: nothing is to blame for it.
        """
        with self.warehouse.write(lock=self._lock) as connection:
            connection.execute(
                sa.update(stage_runs)
                .where(
                    stage_runs.c.stage == self.stage,
                    stage_runs.c.status == "claimed",
                    stage_runs.c.claimed_by == self.claim_token,
                )
                .values(claimed_by=None, lease_until=None, attempts=stage_runs.c.attempts - 1)
            )

    def own_days(self, connection: sa.Connection, recording_ids: Sequence[str]) -> dict[str, str]:
        """Of these recordings, those that this run still claims, with the day they have now."""
        days: dict[str, str] = {}
        for ids in chunks(recording_ids):
            query = (
                sa.select(recordings.c.recording_id, recordings.c.day)
                .join(stage_runs, stage_runs.c.recording_id == recordings.c.recording_id)
                .where(
                    stage_runs.c.stage == self.stage,
                    stage_runs.c.status == "claimed",
                    stage_runs.c.claimed_by == self.claim_token,
                    recordings.c.recording_id.in_(ids),
                )
                .order_by(recordings.c.recording_id)
                # Until the commit no other may claim them or move their day (SQLite has one
                # writer).
                .with_for_update()
            )
            days |= {row.recording_id: row.day for row in connection.execute(query)}
        return days

    def mark_ok(
        self, connection: sa.Connection, items: Sequence[PendingRecording], record: BatchRecord
    ) -> None:
        """Record that the stage's rows of these recordings are stored, in the rows' transaction."""
        fingerprint = self.fingerprint.hash
        self._update(
            connection,
            [
                {
                    "recording_id": item.recording.recording_id,
                    "status": "ok",
                    "fingerprint": fingerprint,
                    "input_version": item.input_version,
                    "output_version": _output_version(item.target, self.force_token),
                    "claimed_by": None,
                    "lease_until": None,
                    "artifact": record.artifact,
                    "error": None,
                    "seconds": record.share_of(item.recording),
                    "audio_s": item.recording.duration_s,
                    "run_id": self.run_id,
                    "finished_at": datetime.now(UTC),
                }
                for item in items
            ],
        )

    def mark_failed(self, recording_id: str, error: str) -> None:
        """Record an attempt that failed, where this run still claims the recording."""
        with self.warehouse.write() as connection:
            self._fail(connection, recording_id, error, stage_runs.c.claimed_by == self.claim_token)

    def mark_crashed(self, errors: Mapping[str, str]) -> None:
        """Give up recordings whose processes died; `errors` is recording to message."""
        with self.warehouse.write(lock=self._lock) as connection:
            for recording_id, error in errors.items():
                self._fail(connection, recording_id, error)

    def mark_blocked(self, blocked: Mapping[str, str]) -> None:
        """Record that these recordings wait for an upstream stage that failed."""
        with self.warehouse.write(lock=self._lock) as connection:
            self._upsert(
                connection,
                [
                    {
                        "recording_id": recording_id,
                        "day": self.day,
                        "status": "blocked",
                        "attempts": 0,
                        "claimed_by": None,
                        "lease_until": None,
                        "error": f"stage '{upstream}' failed for this recording",
                        "run_id": self.run_id,
                        "finished_at": datetime.now(UTC),
                    }
                    for recording_id, upstream in blocked.items()
                ],
            )

    @property
    def _lock(self) -> str:
        return f"claim:{self.stage}:{self.day}"

    def _sort(
        self, rows: Iterable[tuple[Recording, Mapping[str, LedgerRow]]], now: datetime
    ) -> DayState:
        return sort_day(
            rows, self.inputs, self.fingerprint.hash, force_token=self.force_token, now=now
        )

    def _read(
        self, connection: sa.Connection, only: Sequence[str] | None = None
    ) -> Iterator[tuple[Recording, Mapping[str, LedgerRow]]]:
        """The day's good recordings, or some of them, each with its ledger rows by stage."""
        good = sa.select(recordings).where(
            recordings.c.day == self.day, recordings.c.status == "ok"
        )
        columns = ("recording_id", "stage", *_LEDGER_COLUMNS)
        runs = sa.select(*(stage_runs.c[name] for name in columns)).where(
            stage_runs.c.day == self.day,
            stage_runs.c.stage.in_((*self.inputs.upstream, self.stage)),
        )
        if only is not None:
            good = good.where(recordings.c.recording_id.in_(only))
            runs = runs.where(stage_runs.c.recording_id.in_(only))
        rows: defaultdict[str, dict[str, LedgerRow]] = defaultdict(dict)
        for run in connection.execute(runs).mappings():
            row = LedgerRow(**{name: run[name] for name in _LEDGER_COLUMNS})
            rows[run["recording_id"]][run["stage"]] = row
        for call in connection.execute(good.order_by(recordings.c.recording_id)):
            yield recording_from_row(call), rows.get(call.recording_id, {})

    def _fail(
        self,
        connection: sa.Connection,
        recording_id: str,
        error: str,
        *conditions: sa.ColumnElement[bool],
    ) -> None:
        connection.execute(
            sa.update(stage_runs)
            .where(
                stage_runs.c.recording_id == recording_id,
                stage_runs.c.stage == self.stage,
                *conditions,
            )
            .values(
                status="failed",
                claimed_by=None,
                lease_until=None,
                error=error,
                run_id=self.run_id,
                finished_at=datetime.now(UTC),
            )
        )

    def _upsert(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Update the stage's rows that exist, insert the others; all rows have the same keys."""
        known: set[str] = set()
        for ids in chunks([row["recording_id"] for row in rows]):
            query = sa.select(stage_runs.c.recording_id).where(
                stage_runs.c.stage == self.stage, stage_runs.c.recording_id.in_(ids)
            )
            known.update(connection.execute(query).scalars())
        self._update(connection, [row for row in rows if row["recording_id"] in known])
        new = [{**row, "stage": self.stage} for row in rows if row["recording_id"] not in known]
        if new:
            connection.execute(sa.insert(stage_runs), new)

    def _update(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Set the columns that the rows name; all rows have the same keys."""
        if not rows:
            return
        statement = sa.update(stage_runs).where(
            stage_runs.c.recording_id == sa.bindparam("of_recording"),
            stage_runs.c.stage == self.stage,
        )
        columns = {key: sa.bindparam(key) for key in rows[0] if key != "recording_id"}
        connection.execute(
            statement.values(columns),
            [
                {"of_recording": row["recording_id"], **{key: row[key] for key in columns}}
                for row in rows
            ],
        )


_LEDGER_COLUMNS = [column.name for column in fields(LedgerRow)]


def named_artifacts(connection: sa.Connection, stage: str) -> set[str]:
    """Lake files that the ledger names for a stage."""
    query = (
        sa.select(stage_runs.c.artifact)
        .distinct()
        .where(stage_runs.c.stage == stage, stage_runs.c.artifact.is_not(None))
    )
    return set(connection.execute(query).scalars())
