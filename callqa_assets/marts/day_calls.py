"""A day's calls with their keys: the columns that every fact of a call begins with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.marts.mart import MartContext
from callqa_assets.warehouse.dimensions import find_or_add_keys, midnight
from callqa_assets.warehouse.tables import call_keys, dim_agent, dim_queue, recordings

CallColumns = dict[str, Any]
"""date_key, call_key, call_day, agent_key, queue_key."""


def read_day_calls(context: MartContext, day: str) -> dict[str, CallColumns]:
    """The good recordings of a day, by start, with these columns of each."""
    calls = context.connection.execute(
        sa.select(recordings.c.recording_id, recordings.c.agent_id, recordings.c.queue)
        .where(recordings.c.day == day, recordings.c.status == "ok")
        .order_by(recordings.c.started_at, recordings.c.recording_id)
    ).all()
    keys, agents, queues = (
        find_or_add_keys(context.connection, table, [(call[column],) for call in calls])
        for table, column in ((call_keys, 0), (dim_agent, 1), (dim_queue, 2))
    )
    shared = {"date_key": date_key(day), "call_day": midnight(day)}
    return {
        recording_id: {
            **shared,
            "call_key": keys[recording_id,],
            "agent_key": agents[agent_id,],
            "queue_key": queues[queue,],
        }
        for recording_id, agent_id, queue in calls
    }


def read_rows_of_day(
    context: MartContext, table: sa.Table, day: str, *conditions: sa.ColumnElement[bool]
) -> Iterable[sa.RowMapping]:
    """A day's rows of a table of the stages, by its key."""
    query = sa.select(table).where(table.c.day == day, *conditions)
    return context.connection.execute(query.order_by(*table.primary_key.columns)).mappings()


def join_calls(
    rows: Iterable[sa.RowMapping], calls: Mapping[str, CallColumns]
) -> Iterator[tuple[sa.RowMapping, CallColumns]]:
    """Each row with the columns of its call; rows of other recordings are left out."""
    return ((row, calls[row["recording_id"]]) for row in rows if row["recording_id"] in calls)


def pick(row: Mapping[Any, Any], table: sa.Table) -> dict[str, Any]:
    """What a fact takes from a row as it is: the columns of the same name."""
    return {name: row[name] for name in table.columns.keys() if name in row}  # noqa: SIM118
