"""What the plots of the marts show."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.warehouse.tables import (
    agent_mix_daily,
    dim_agent,
    dim_queue,
    mart_days,
    queue_daily,
)


def read_row_counts(connection: sa.Connection, mart: str, days: Sequence[str]) -> dict[str, int]:
    """Day to the mart's number of rows, for each of the days."""
    query = sa.select(mart_days.c.day, mart_days.c.rows).where(
        mart_days.c.mart == mart, mart_days.c.day.in_(days)
    )
    known = {row.day: row.rows for row in connection.execute(query)}
    return {day: known.get(day, 0) for day in days}


def read_agent_comparison(connection: sa.Connection, day: str, measure: str) -> pl.DataFrame:
    """Columns agent_id, expected, shrunk, lo, hi, finding: agents over all their queues."""
    names = ("expected", "shrunk", "lo", "hi", "finding")
    query = (
        sa.select(dim_agent.c.agent_id, *(agent_mix_daily.c[name] for name in names))
        .join(dim_agent, dim_agent.c.agent_key == agent_mix_daily.c.agent_key)
        .where(agent_mix_daily.c.date_key == date_key(day), agent_mix_daily.c.measure == measure)
    )
    return pl.DataFrame(
        [tuple(row) for row in connection.execute(query)],
        schema={
            "agent_id": pl.String,
            **dict.fromkeys(("expected", "shrunk", "lo", "hi"), pl.Float64),
            "finding": pl.String,
        },
        orient="row",
    )


def read_queue_shares(connection: sa.Connection, day: str) -> pl.DataFrame:
    """Columns queue, calls, unhappy_share, silence_share, script_miss_share."""
    names = ("calls", "unhappy_share", "silence_share", "script_miss_share")
    query = (
        sa.select(dim_queue.c.queue, *(queue_daily.c[name] for name in names))
        .join(dim_queue, dim_queue.c.queue_key == queue_daily.c.queue_key)
        .where(queue_daily.c.date_key == date_key(day))
    )
    return pl.DataFrame(
        [tuple(row) for row in connection.execute(query)],
        schema={
            "queue": pl.String,
            "calls": pl.Int64,
            **dict.fromkeys(names[1:], pl.Float64),
        },
        orient="row",
    )
