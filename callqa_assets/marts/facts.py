"""Rows of facts from rows of the stages: the columns of a call, and those of the same name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.domain.pii.masking import mask_text
from callqa_assets.marts.mart import MartContext
from callqa_assets.warehouse.dimensions import Member, find_or_add_keys
from callqa_assets.warehouse.tables import fact_call

CALL_COLUMNS = ("date_key", "call_key", "call_day", "agent_key", "queue_key")
"""What every fact of a call begins with; `fact_call` gives them to the others."""


def select_fact(
    fact: sa.Table, source: sa.Table, day: str, *more: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """The day's rows of a stage's table, for calls that are published, as rows of a fact.

    Args:
        more: columns that have another name in the source, labelled, or come from other tables.
    """
    given = {*CALL_COLUMNS, *(column.name for column in more)}
    same = [column for column in source.columns if column.name in set(fact.c.keys()) - given]
    return (
        sa.select(*(fact_call.c[name] for name in CALL_COLUMNS), *same, *more)
        .select_from(source)
        .join(fact_call, fact_call.c.recording_id == source.c.recording_id)
        .where(source.c.day == day, fact_call.c.date_key == date_key(day))
    )


def add_members(
    context: MartContext, dimension: sa.Table, day: str, columns: Collection[sa.Column[Any]]
) -> dict[Member, int]:
    """Keys of what these columns of a stage's table hold on the day, in a dimension."""
    (table,) = {column.table for column in columns}
    query = sa.select(*columns).where(table.c.day == day).distinct().order_by(*columns)
    found = [tuple(row) for row in context.connection.execute(query)]
    return find_or_add_keys(context.connection, dimension, found)


def read_masked(
    context: MartContext, query: sa.Select[Any], column: str
) -> Iterator[dict[str, Any]]:
    """The rows that a query finds, with personal data masked in a column of short texts."""
    masked: dict[str | None, str | None] = {None: None}
    for found in context.connection.execute(query).mappings():
        text = found[column]
        if text not in masked:
            masked[text] = mask_text(text)
        yield {**found, column: masked[text]}
