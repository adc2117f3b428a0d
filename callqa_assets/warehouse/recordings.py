"""Rows of `recordings`: reading them as domain objects, and moving a recording to a better day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.metadata import CallMetadata
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.digest import digest
from callqa_assets.warehouse.tables import DAY_TABLES, dirty_days, intake, recordings, stage_runs


def recording_from_row(row: sa.Row[Any]) -> Recording:
    return Recording(
        recording_id=row.recording_id,
        day=row.day,
        content_sha256=row.content_sha256,
        archive_path=row.archive_path,
        channels=row.channels,
        channel_roles=tuple(row.channel_roles),
        sample_rate=row.sample_rate,
        duration_s=row.duration_s,
        started_at=row.started_at,
        metadata_version=row.metadata_version,
        call_id=row.call_id,
        agent_id=row.agent_id,
        customer_id=row.customer_id,
        queue=row.queue,
        line=row.line,
        business_line=row.business_line,
        language=row.language,
    )


def metadata_columns(call: CallMetadata, channels: int) -> dict[str, Any]:
    """The columns that a late sidecar or manifest may change."""
    roles = list(call.channel_roles(channels)) if channels else []
    values = {
        "call_id": call.call_id,
        "agent_id": call.agent_id,
        "customer_id": call.customer_id,
        "queue": call.queue,
        "line": call.line,
        "business_line": call.business_line,
        "language": call.language,
        "channel_roles": roles,
        "metadata": {**call.extra, "notes": list(call.notes)} if call.notes else call.extra,
        "time_source": call.time_source,
    }
    version = digest(values, call.started_at.isoformat())
    return {**values, "started_at": call.started_at, "metadata_version": version}


def find_original(connection: sa.Connection, content_sha256: str) -> str | None:
    """The good recording that has this content, if there is one."""
    return connection.execute(
        sa.select(recordings.c.recording_id).where(
            recordings.c.content_sha256 == content_sha256, recordings.c.status == "ok"
        )
    ).scalar_one_or_none()


def insert_recording(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    connection.execute(sa.insert(recordings).values(**values))


def read_recording(connection: sa.Connection, recording_id: str) -> sa.Row[Any] | None:
    return connection.execute(
        sa.select(recordings).where(recordings.c.recording_id == recording_id)
    ).one_or_none()


def update_metadata(
    connection: sa.Connection, recording_id: str, day: str, values: Mapping[str, Any]
) -> None:
    """Give a recording better metadata and, with all its rows, the day that follows from it."""
    connection.execute(
        sa.update(recordings).where(recordings.c.recording_id == recording_id).values(**values)
    )
    for table in DAY_TABLES:
        connection.execute(
            sa.update(table)
            .where(table.c.recording_id == recording_id, table.c.day != day)
            .values(day=day)
        )


def mark_dirty(connection: sa.Connection, days: Iterable[str]) -> None:
    """Something arrived for these days: a run must look at them."""
    for day in sorted(set(days)):
        updated = connection.execute(
            sa.update(dirty_days)
            .where(dirty_days.c.day == day)
            .values(generation=dirty_days.c.generation + 1, changed_at=datetime.now(UTC))
        )
        if updated.rowcount == 0:
            connection.execute(
                sa.insert(dirty_days).values(
                    day=day, generation=1, done_generation=0, changed_at=datetime.now(UTC)
                )
            )


def read_dirty_days(connection: sa.Connection) -> dict[str, int]:
    """Days that no finished run has seen as they are now, with their generation."""
    rows = connection.execute(
        sa.select(dirty_days.c.day, dirty_days.c.generation).where(
            dirty_days.c.done_generation < dirty_days.c.generation
        )
    )
    return {row.day: row.generation for row in rows}


def read_generation(connection: sa.Connection, day: str) -> int:
    """How often something arrived for the day; 0 where nothing ever did."""
    query = sa.select(dirty_days.c.generation).where(dirty_days.c.day == day)
    return connection.execute(query).scalar_one_or_none() or 0


def mark_done(connection: sa.Connection, day: str, generation: int) -> None:
    """A run that began at `generation` finished the day; later arrivals keep it dirty."""
    connection.execute(
        sa.update(dirty_days)
        .where(dirty_days.c.day == day, dirty_days.c.done_generation < generation)
        .values(done_generation=generation)
    )


def day_is_settled(connection: sa.Connection, day: str) -> bool:
    """True where no file of the day waits for ingestion and no stage of it is under way."""
    waiting = sa.select(intake.c.day).where(
        intake.c.day == day, intake.c.state.in_(("stable", "moving"))
    )
    settled = sa.select(sa.func.count()).where(
        stage_runs.c.day == day, stage_runs.c.status.in_(("ok", "failed", "blocked"))
    )
    good = sa.select(sa.func.count()).where(recordings.c.day == day, recordings.c.status == "ok")
    return (
        connection.execute(waiting.limit(1)).first() is None
        and connection.execute(settled).scalar_one()
        == connection.execute(good).scalar_one() * STAGES
    )


STAGES = 4
"""segments, transcripts, emotions, alerts: each good recording has a row of each."""
