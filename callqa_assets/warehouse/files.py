"""Rows of `intake`: every file that the drop folder ever showed, and how far it has come.

States: `seen` (once) → `stable` (has a day, may be ingested) → `moving` (its place in the archive
is decided) → `ingested` | `copied` (the original stays). Metadata files: `seen` → `applied`.
`replaced`: the file changed before it was taken; `gone`: it vanished before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.files import DropFile, stem_of
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import intake

OPEN = ("seen", "stable", "moving")
"""States of files whose audio is still to be ingested."""

Key = tuple[bytes, int, int]
"""(source path, size, mtime_ns)."""


def key_of(file: DropFile) -> Key:
    return (file.path, file.size, file.mtime_ns)


def key_of_row(row: sa.Row[Any]) -> Key:
    return (row.source_path, row.size, row.mtime_ns)


def read_known(
    connection: sa.Connection, drop_root: bytes, listed: Sequence[bytes]
) -> dict[Key, sa.Row[Any]]:
    """Rows of the listed paths, and of files of this drop folder that are not yet taken in."""
    of_drop = intake.c.drop_root == drop_root
    queries = [
        sa.select(intake).where(of_drop, intake.c.source_path.in_(paths))
        for paths in chunks(listed)
    ]
    queries.append(sa.select(intake).where(of_drop, intake.c.state.in_(OPEN)))
    return {key_of_row(row): row for query in queries for row in connection.execute(query)}


def find_audio(
    connection: sa.Connection, drop_root: bytes, column: sa.Column[str], values: Sequence[str]
) -> list[sa.Row[Any]]:
    """Recordings of this drop folder that have a day, by name or stem.

    Platforms use names again: a name speaks of the newest file that had it.
    """
    newest = {
        row.source_path: row
        for part in chunks(values)
        for row in connection.execute(
            sa.select(intake)
            .where(intake.c.drop_root == drop_root, intake.c.kind == "audio", column.in_(part))
            .order_by(intake.c.first_seen_at)
        )
    }
    described = ("stable", "moving", "ingested", "copied")
    return [row for row in newest.values() if row.state in described]


def read_sidecars(connection: sa.Connection, day: str) -> Sequence[sa.Row[Any]]:
    """Sidecars that belong to recordings of a day."""
    query = sa.select(intake).where(
        intake.c.day == day, intake.c.kind == "sidecar", intake.c.state == "applied"
    )
    return connection.execute(query).all()


def read_row(connection: sa.Connection, key: Key) -> sa.Row[Any]:
    """The row as it is now."""
    path, size, mtime_ns = key
    query = sa.select(intake).where(
        intake.c.source_path == path, intake.c.size == size, intake.c.mtime_ns == mtime_ns
    )
    return connection.execute(query).one()


def insert_seen(
    connection: sa.Connection,
    files: Iterable[tuple[DropFile, str]],
    drop_root: bytes,
    now: datetime,
) -> None:
    """First look at these files, each with its kind."""
    rows = [
        {
            "source_path": file.path,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "drop_root": drop_root,
            "name": file.display_name,
            "stem": stem_of(file.display_name),
            "kind": kind,
            "metadata": {},
            "state": "seen",
            "first_seen_at": now,
        }
        for file, kind in files
    ]
    if rows:
        connection.execute(sa.insert(intake), rows)


def update_intake(connection: sa.Connection, keys: Sequence[Key], **values: Any) -> None:
    """Set columns of some rows."""
    for path, size, mtime_ns in keys:
        connection.execute(
            sa.update(intake)
            .where(
                intake.c.source_path == path,
                intake.c.size == size,
                intake.c.mtime_ns == mtime_ns,
            )
            .values(**values)
        )


def read_ready(connection: sa.Connection, day: str) -> Sequence[sa.Row[Any]]:
    """Audio of a day that is to be ingested, in the order of its names."""
    query = sa.select(intake).where(
        intake.c.day == day, intake.c.kind == "audio", intake.c.state.in_(("stable", "moving"))
    )
    return connection.execute(query.order_by(intake.c.name, intake.c.source_path)).all()


def read_days_of_drop(connection: sa.Connection, drop_root: bytes) -> list[str]:
    """Days of every audio file that this drop folder ever showed."""
    query = (
        sa.select(intake.c.day)
        .distinct()
        .where(intake.c.drop_root == drop_root, intake.c.day.is_not(None))
    )
    return sorted(connection.execute(query).scalars())
