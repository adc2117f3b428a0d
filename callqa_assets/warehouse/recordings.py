"""Rows of `recordings`: reading them as domain objects, and moving a recording to a better day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.calls.facts import FACTS, CallFacts
from callqa_assets.domain.calls.metadata import CallMetadata, TimeSource
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.digest import digest
from callqa_assets.warehouse.changed_days import mark_changed
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.search import move_entries
from callqa_assets.warehouse.tables import DAY_TABLES, recordings


@dataclass(frozen=True)
class KnownRecording:
    """What is needed to update a recording's metadata, in quarantine, too."""

    recording_id: str
    day: str
    channels: int
    """0 in quarantine."""
    started_at: datetime
    time_source: TimeSource


def recording_from_row(row: sa.Row[Any]) -> Recording:
    """The recording of a row with all columns of `recordings`."""
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
        facts=CallFacts(**{name: getattr(row, name) for name in FACTS}),
        encoding=Encoding(row.codec, row.codec_rate_hz) if row.codec else None,
    )


def find_good_recordings(connection: sa.Connection, name: str) -> list[Recording]:
    """The recordings of this id, or of a call of this id; several where a call has several."""
    query = sa.select(recordings).where(
        recordings.c.status == "ok",
        (recordings.c.recording_id == name) | (recordings.c.call_id == name),
    )
    return [
        recording_from_row(row)
        for row in connection.execute(query.order_by(recordings.c.recording_id))
    ]


def read_good_recordings(connection: sa.Connection, day: str) -> list[Recording]:
    query = sa.select(recordings).where(recordings.c.status == "ok", recordings.c.day == day)
    return [
        recording_from_row(row)
        for row in connection.execute(query.order_by(recordings.c.recording_id))
    ]


def metadata_columns(call: CallMetadata, channels: int) -> dict[str, Any]:
    """The columns that a late sidecar or manifest may change."""
    roles = list(call.channel_roles(channels)) if channels else []
    notes = call.notes_for(channels)
    values = {
        **call.facts.model_dump(),
        "channel_roles": roles,
        "metadata": {**call.extra, "notes": list(notes)} if notes else call.extra,
        "time_source": call.time_source,
    }
    hashed = {
        **call.facts.known(),
        **{name: value for name, value in values.items() if name not in FACTS},
    }
    version = digest(hashed, call.started_at.isoformat())
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


def read_recording(connection: sa.Connection, recording_id: str) -> KnownRecording | None:
    query = sa.select(
        recordings.c.recording_id,
        recordings.c.day,
        recordings.c.channels,
        recordings.c.started_at,
        recordings.c.time_source,
    ).where(recordings.c.recording_id == recording_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else KnownRecording(**row._mapping)


def read_known_facts(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Recording to what a sidecar would have to say so that nothing known of it is lost."""
    found: dict[str, dict[str, Any]] = {}
    for ids in chunks(list(recording_ids)):
        query = sa.select(recordings).where(recordings.c.recording_id.in_(ids))
        for row in connection.execute(query):
            facts = {name: getattr(row, name) for name in FACTS}
            others = {key: value for key, value in row.metadata.items() if key != "notes"}
            found[row.recording_id] = {
                **others,
                **{name: value for name, value in facts.items() if value is not None},
                **({"channel_roles": row.channel_roles} if row.channel_roles else {}),
            }
    return found


def update_metadata(
    connection: sa.Connection, recording_id: str, day: str, values: Mapping[str, Any]
) -> None:
    """Give a recording better metadata and, with all its rows, the day that follows from it."""
    before = sa.select(recordings.c.day).where(recordings.c.recording_id == recording_id)
    changed = {day, connection.execute(before).scalar_one()}
    connection.execute(
        sa.update(recordings).where(recordings.c.recording_id == recording_id).values(**values)
    )
    for table in DAY_TABLES:
        connection.execute(
            sa.update(table)
            .where(table.c.recording_id == recording_id, table.c.day != day)
            .values(day=day)
        )
    if changed != {day}:
        move_entries(connection, recording_id, day)
    mark_changed(connection, changed)
