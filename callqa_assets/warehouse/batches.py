"""Rows of `batches` and `batch_files`: what was uploaded, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    batch_files,
    batches,
    intake,
    recordings,
    stage_runs,
)

FileStatus = Literal["queued", "done", "failed"]
FileId = tuple[str, int]
"""(batch_id, file_no)"""


@dataclass(frozen=True)
class BatchFile:
    """One uploaded file."""

    batch_id: str
    file_no: int
    name: str
    size_bytes: int
    content_sha256: str
    recording_id: str
    status: FileStatus = "queued"
    reason: str | None = None
    finished_at: datetime | None = None

    @property
    def file_id(self) -> FileId:
        return (self.batch_id, self.file_no)

    @property
    def path(self) -> str:
        """In the folder of uploads: its name in `intake`."""
        return f"{self.batch_id}/{self.file_no}/{self.name}"


@dataclass(frozen=True)
class Batch:
    """One batch with its files, in the request's order."""

    batch_id: str
    received_at: datetime
    language: str | None
    itn_enabled: bool
    hotwords: str | None
    idempotency_key: str | None
    files: Sequence[BatchFile]

    @property
    def is_finished(self) -> bool:
        return all(file.status != "queued" for file in self.files)


def insert_batch(connection: sa.Connection, batch: Batch) -> None:
    """Raises IntegrityError where another batch has its idempotency key."""
    columns = ("batch_id", "received_at", "language", "itn_enabled", "hotwords", "idempotency_key")
    connection.execute(
        sa.insert(batches).values(**{name: getattr(batch, name) for name in columns})
    )
    names = batch_files.columns.keys()
    connection.execute(
        sa.insert(batch_files),
        [{name: getattr(file, name) for name in names} for file in batch.files],
    )


def find_by_key(connection: sa.Connection, idempotency_key: str) -> Batch | None:
    query = sa.select(batches.c.batch_id).where(batches.c.idempotency_key == idempotency_key)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else read_batches(connection, [found])[0]


def read_batches(connection: sa.Connection, batch_ids: Collection[str]) -> list[Batch]:
    """Those of these batches that there are, the newest first."""
    files: dict[str, list[BatchFile]] = {}
    rows: list[sa.Row[tuple[object, ...]]] = []
    for ids in chunks(list(batch_ids)):
        own = sa.select(batch_files).where(batch_files.c.batch_id.in_(ids))
        for row in connection.execute(own.order_by(batch_files.c.batch_id, batch_files.c.file_no)):
            files.setdefault(row.batch_id, []).append(BatchFile(**row._mapping))
        rows += connection.execute(sa.select(batches).where(batches.c.batch_id.in_(ids))).all()
    found = [Batch(**row._mapping, files=files.get(row._mapping["batch_id"], [])) for row in rows]
    return sorted(found, key=lambda batch: (batch.received_at, batch.batch_id), reverse=True)


def list_batches(
    connection: sa.Connection, before: tuple[datetime, str] | None, limit: int
) -> list[Batch]:
    """The newest batches, or those before this (received_at, batch_id)."""
    place = sa.tuple_(batches.c.received_at, batches.c.batch_id)
    query = sa.select(batches.c.batch_id)
    if before is not None:
        moment, batch_id = before
        query = query.where(
            place < sa.tuple_(sa.literal(moment, batches.c.received_at.type), sa.literal(batch_id))
        )
    newest = query.order_by(batches.c.received_at.desc(), batches.c.batch_id.desc()).limit(limit)
    return read_batches(connection, connection.execute(newest).scalars().all())


def read_batch_ids(connection: sa.Connection) -> set[str]:
    return set(connection.execute(sa.select(batches.c.batch_id)).scalars())


def read_queued(connection: sa.Connection, limit: int | None = None) -> list[BatchFile]:
    """Files that are still to be processed, the oldest batch first."""
    query = (
        sa.select(batch_files)
        .join(batches, batches.c.batch_id == batch_files.c.batch_id)
        .where(batch_files.c.status == "queued")
        .order_by(batches.c.received_at, batches.c.batch_id, batch_files.c.file_no)
        .limit(limit)
    )
    return [BatchFile(**row._mapping) for row in connection.execute(query)]


@dataclass(frozen=True)
class Arrival:
    """What the ingestion knows of an uploaded file."""

    state: str
    """As in `intake`."""
    day: str | None
    recording_id: str | None


def read_arrivals(
    connection: sa.Connection, drop_root: bytes, files: Sequence[BatchFile]
) -> dict[str, Arrival]:
    """Path in the folder of uploads to what became of the file there; of none that no scan saw."""
    found: dict[str, Arrival] = {}
    for paths in chunks([file.path for file in files]):
        query = (
            sa.select(intake.c.name, intake.c.state, intake.c.day, intake.c.recording_id)
            .where(intake.c.drop_root == drop_root, intake.c.name.in_(paths))
            .order_by(intake.c.first_seen_at)
        )
        for row in connection.execute(query):
            found[row.name] = Arrival(row.state, row.day, row.recording_id)
    return found


@dataclass(frozen=True)
class FoundRecording:
    """What there is of a recording."""

    day: str
    status: str
    reason: str | None
    duplicate_of: str | None


def read_found(
    connection: sa.Connection, recording_ids: Collection[str]
) -> dict[str, FoundRecording]:
    """Those of these recordings that there are, and the originals of their duplicates."""
    found: dict[str, FoundRecording] = {}
    wanted = set(recording_ids)
    while wanted:
        originals: set[str] = set()
        for ids in chunks(sorted(wanted)):
            query = sa.select(
                recordings.c.recording_id,
                recordings.c.day,
                recordings.c.status,
                recordings.c.reason,
                recordings.c.duplicate_of,
            ).where(recordings.c.recording_id.in_(ids))
            for recording_id, *values in connection.execute(query):
                found[recording_id] = FoundRecording(*values)
                if found[recording_id].duplicate_of is not None:
                    originals.add(str(found[recording_id].duplicate_of))
        wanted = originals - found.keys()
    return found


def find_original(found: Mapping[str, FoundRecording], recording_id: str) -> str:
    """The recording whose results a recording has: its own, or of a duplicate the original's."""
    while (recording := found.get(recording_id)) is not None and recording.duplicate_of is not None:
        recording_id = recording.duplicate_of
    return recording_id


def read_stage_errors(
    connection: sa.Connection, recording_ids: Collection[str]
) -> dict[str, dict[str, str | None]]:
    """Recording to stage to its error, of stages that ended; None: it went well."""
    found: dict[str, dict[str, str | None]] = {}
    for ids in chunks(sorted(recording_ids)):
        query = sa.select(
            stage_runs.c.recording_id, stage_runs.c.stage, stage_runs.c.status, stage_runs.c.error
        ).where(stage_runs.c.recording_id.in_(ids))
        for row in connection.execute(query):
            if row.status == "ok":
                found.setdefault(row.recording_id, {})[row.stage] = None
            elif row.status in ("failed", "blocked"):
                error = row.error or "a stage before it failed"
                found.setdefault(row.recording_id, {})[row.stage] = error
    return found


def finish(connection: sa.Connection, outcomes: Mapping[FileId, str | None], now: datetime) -> None:
    """Record files, by batch and number, as done, or as failed with their reason."""
    for (batch_id, file_no), reason in sorted(outcomes.items()):
        connection.execute(
            sa.update(batch_files)
            .where(batch_files.c.batch_id == batch_id, batch_files.c.file_no == file_no)
            .values(status="done" if reason is None else "failed", reason=reason, finished_at=now)
        )
