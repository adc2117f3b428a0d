"""What the archive keeps of a recording's rows, so that they can be made again without them.

An `ArchiveRecord` is its row of `recordings` and its rows of `intake`, as JSON: names on disk, the
call's facts with the texts they came from, and what decoding found. `intake.is_recorded` says
whether the archive has the latest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.warehouse.tables import UtcDateTime, intake, recordings

_FORMAT = 1
_ARCHIVED = ("ingested", "copied")


@dataclass(frozen=True)
class ArchiveRecord:
    """The rows of one recording, by column."""

    recording: Mapping[str, Any]
    files: Sequence[Mapping[str, Any]]
    """Rows of `intake`: more than one where it was delivered more than once."""

    @property
    def recording_id(self) -> str:
        return self.recording["recording_id"]

    @property
    def day(self) -> str:
        return self.recording["day"]

    @property
    def archive_path(self) -> str:
        """Relative to the home."""
        return self.recording["archive_path"]

    def to_json(self) -> bytes:
        # ASCII: a name on disk need not be text in any encoding.
        content = {
            "format": _FORMAT,
            "recording": _encode(self.recording),
            "files": [_encode(file) for file in self.files],
        }
        return json.dumps(content, indent=1).encode("ascii")

    @classmethod
    def from_json(cls, raw: bytes) -> ArchiveRecord:
        """Raises ValueError, KeyError or TypeError where it is no record of this format."""
        content = json.loads(raw)
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']!r}")
        files = [_decode(intake, file) for file in content["files"]]
        return cls(_decode(recordings, content["recording"]), files)


def _encode(row: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return os.fsdecode(value)
        return value.isoformat() if isinstance(value, datetime) else value

    return {name: plain(value) for name, value in row.items()}


def _decode(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    def typed(column: sa.Column[Any], value: Any) -> Any:
        if value is None:
            return None
        if isinstance(column.type, UtcDateTime):
            return datetime.fromisoformat(value)
        return os.fsencode(value) if isinstance(column.type, sa.LargeBinary) else value

    return {name: typed(table.c[name], value) for name, value in row.items()}


def find_unrecorded(connection: sa.Connection, day: str) -> Sequence[str]:
    """Ids of a day's recordings of which the archive lacks the latest."""
    query = (
        sa.select(intake.c.recording_id)
        .distinct()
        .where(intake.c.day == day, intake.c.state.in_(_ARCHIVED), ~intake.c.is_recorded)
    )
    return connection.execute(query).scalars().all()


def read_archive_records(connection: sa.Connection, ids: Sequence[str]) -> list[ArchiveRecord]:
    """What the archive is to keep of these recordings."""
    files: dict[str, list[Mapping[str, Any]]] = {}
    archived = intake.c.recording_id.in_(ids) & intake.c.state.in_(_ARCHIVED)
    rows = sa.select(intake).where(archived).order_by(intake.c.first_seen_at)
    for row in connection.execute(rows).mappings():
        files.setdefault(row["recording_id"], []).append(dict(row))
    found = sa.select(recordings).where(recordings.c.recording_id.in_(ids))
    return [
        ArchiveRecord(dict(row), files[row["recording_id"]])
        for row in connection.execute(found).mappings()
    ]


def mark_recorded(connection: sa.Connection, records: Sequence[ArchiveRecord]) -> None:
    """The archive has these now. In the transaction that read them: they may change after it."""
    for record in records:
        for file in record.files:
            update = sa.update(intake).where(*_is_file(file))
            connection.execute(update.values(is_recorded=True))


def restore(connection: sa.Connection, record: ArchiveRecord) -> None:
    """Insert the rows of a recording that the warehouse does not have."""
    connection.execute(sa.insert(recordings).values(**record.recording))
    for file in record.files:
        connection.execute(sa.delete(intake).where(*_is_file(file)))
        connection.execute(sa.insert(intake).values(**{**file, "is_recorded": True}))


def read_recording_ids(connection: sa.Connection) -> set[str]:
    """Every recording that the warehouse has."""
    return set(connection.execute(sa.select(recordings.c.recording_id)).scalars())


def _is_file(file: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [column == file[column.name] for column in intake.primary_key.columns]
