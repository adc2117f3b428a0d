"""Rows of the marts' days: replacing them, what they were made from, and which are published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.warehouse.tables import mart_days, published_days, recordings, stage_runs

SCHEMA_VERSION = 1
"""Raised with every change of the marts' columns."""


@dataclass(frozen=True)
class DayOfMart:
    """What was computed of a mart for one day."""

    input_version: str
    rows: int
    seconds: float


_ROWS_AT_ONCE = 5_000


def replace_rows(
    connection: sa.Connection,
    table: sa.Table,
    day: str,
    rows: Iterable[Mapping[str, Any] | sa.Select[Any]],
) -> int:
    """Make `rows`, and what queries among them find, the only rows of the day in a mart's table.

    The table has a column `date_key`. Returns their number. An iterator is read as rows are
    inserted.
    """
    connection.execute(sa.delete(table).where(table.c.date_key == date_key(day)))
    remaining, number = iter(rows), 0
    while some := list(islice(remaining, _ROWS_AT_ONCE)):
        queries = [found for found in some if isinstance(found, sa.Select)]
        given = [row for row in some if not isinstance(row, sa.Select)]
        for query in queries:
            names = query.selected_columns.keys()
            number += connection.execute(sa.insert(table).from_select(names, query)).rowcount
        if given:
            connection.execute(sa.insert(table), given)
            number += len(given)
    return number


def read_versions(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """(mart, day) to the input version of what is stored."""
    query = sa.select(mart_days.c.mart, mart_days.c.day, mart_days.c.input_version)
    return {(mart, day): version for mart, day, version in connection.execute(query)}


def store_versions(
    connection: sa.Connection,
    day: str,
    computed: Mapping[str, DayOfMart],
    *,
    run_id: str,
    now: datetime,
) -> None:
    """Record what these marts were made from."""
    connection.execute(
        sa.delete(mart_days).where(mart_days.c.day == day, mart_days.c.mart.in_(computed))
    )
    connection.execute(
        sa.insert(mart_days),
        [
            {
                "mart": mart,
                "day": day,
                "input_version": stored.input_version,
                "rows": stored.rows,
                "seconds": stored.seconds,
                "computed_at": now,
                "run_id": run_id,
            }
            for mart, stored in computed.items()
        ],
    )


def publish(
    connection: sa.Connection, day: str, *, inputs_hash: str, run_id: str, now: datetime
) -> None:
    """Record that the day's marts are what is known of its calls."""
    _upsert(
        connection,
        day,
        {
            **_count_calls(connection, day),
            "schema_version": SCHEMA_VERSION,
            "published_at": now,
            "inputs_hash": inputs_hash,
            "run_id": run_id,
            "withheld_at": None,
            "reason": None,
        },
    )


def withhold(
    connection: sa.Connection, day: str, reason: str, *, run_id: str, now: datetime
) -> None:
    """Record why the day's newer state is not published; what was published stays."""
    _upsert(connection, day, {"run_id": run_id, "withheld_at": now, "reason": reason})


def _count_calls(connection: sa.Connection, day: str) -> dict[str, int]:
    good = (recordings.c.day == day, recordings.c.status == "ok")
    given_up = sa.select(stage_runs.c.recording_id).where(
        stage_runs.c.day == day, stage_runs.c.status.in_(("failed", "blocked"))
    )
    total = sa.select(sa.func.count()).select_from(recordings).where(*good)
    return {
        "calls": connection.execute(total).scalar_one(),
        "calls_incomplete": connection.execute(
            total.where(recordings.c.recording_id.in_(given_up))
        ).scalar_one(),
    }


def _upsert(connection: sa.Connection, day: str, values: Mapping[str, Any]) -> None:
    own = published_days.c.date_key == date_key(day)
    if connection.execute(sa.update(published_days).where(own).values(**values)).rowcount == 0:
        first = {"schema_version": SCHEMA_VERSION, "calls": 0, "calls_incomplete": 0, **values}
        connection.execute(
            sa.insert(published_days).values(date_key=date_key(day), day=day, **first)
        )


@dataclass(frozen=True)
class Publication:
    """The state of one day."""

    day: str
    calls: int
    calls_incomplete: int
    published_at: datetime | None
    """None: never."""
    reason: str | None
    """Why a newer state is withheld; None: it is not."""


def read_publications(connection: sa.Connection, days: Collection[str]) -> dict[str, Publication]:
    """Those of these days that were published or withheld."""
    query = sa.select(*(published_days.c[name] for name in Publication.__annotations__))
    rows = connection.execute(query.where(published_days.c.day.in_(days)))
    return {row.day: Publication(**row._mapping) for row in rows}
