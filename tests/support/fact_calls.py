"""Rows of `fact_call` of which only some columns matter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.warehouse.tables import UtcDateTime, fact_call

_FILLERS = {str: "", int: 0, float: 0.0, bool: False, datetime: datetime(2025, 1, 1)}


def insert_fact_calls(connection: sa.Connection, day: str, *calls: dict[str, Any]) -> None:
    """Calls of a day, numbered from 1; a column not given is NULL, or 0 where it must not be."""
    rows = [
        {
            "date_key": date_key(day),
            "call_key": date_key(day) * 100 + number,
            "recording_id": f"{date_key(day)}-{number}",
            **call,
        }
        for number, call in enumerate(calls, start=1)
    ]
    connection.execute(sa.insert(fact_call), [_fill(row) for row in rows])


def _fill(row: dict[str, Any]) -> dict[str, Any]:
    return {
        column.name: row[column.name] if column.name in row else _filler(column)
        for column in fact_call.columns
    }


def _filler(column: sa.Column[Any]) -> Any:
    if column.nullable:
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime(2025, 1, 1, tzinfo=UTC)
    return _FILLERS[column.type.python_type]
