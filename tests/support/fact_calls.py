"""Rows of `fact_call` of which only some columns matter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.warehouse.tables import fact_call
from tests.support.written_calls import with_defaults


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
    connection.execute(sa.insert(fact_call), [with_defaults(fact_call, row) for row in rows])
