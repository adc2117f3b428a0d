"""Which days' results changed, and how often: written by whoever changes rows of calls."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from callqa_assets.warehouse.tables import changed_days


def mark_changed(connection: sa.Connection, days: Iterable[str]) -> None:
    """Count a change of each of these days. Last in a transaction: others wait for its rows."""
    insert = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
    for day in sorted(set(days)):
        now = datetime.now(UTC)
        statement = insert(changed_days).values(day=day, changes=1, changed_at=now)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["day"],
                set_={"changes": changed_days.c.changes + 1, "changed_at": now},
            )
        )


def read_changes(connection: sa.Connection) -> dict[str, int]:
    """Day to its number of changes, for every day that ever had results."""
    query = sa.select(changed_days.c.day, changed_days.c.changes)
    return {row.day: row.changes for row in connection.execute(query)}
