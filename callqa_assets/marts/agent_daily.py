"""Mart `agent_daily`: agents against what their calls let expect, within a queue and over all."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.days import date_key, shift_day
from callqa_assets.marts.comparisons import WINDOW_DAYS, compare_agents
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import agent_daily, agent_mix_daily, fact_call

_call = fact_call.c

MEASURES: Mapping[str, tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]] = {
    "unhappy": (_call.is_unhappy.is_not(None), _call.is_unhappy),
    "high_alert": (_call.recording_id.is_not(None), _call.alerts_high > 0),
    "script_miss": (_call.script_applicable > 0, _call.script_missed > 0),
    "interruption": (_call.agent_interruptions.is_not(None), _call.agent_interruptions > 0),
}
"""Which calls can be judged, and which of them have the event; more is worse."""


def compute(context: MartContext, day: str) -> MartRows:
    cells = read_cells(context.connection, day)
    key = {"date_key": date_key(day)}
    own = {
        (agent, queue, measure): {"calls": n, "events": events}
        for agent, queue, measure, n, events in cells.filter(date_key=date_key(day))
        .select("agent_key", "queue_key", "measure", "n", "events")
        .iter_rows()
    }
    nothing = {"calls": 0, "events": 0}
    strata = ["measure", "queue_key", "date_key"]
    return {
        agent_daily: [
            {**key, **row, **own.get((row["agent_key"], row["queue_key"], row["measure"]), nothing)}
            for row in compare_agents(
                cells, within=["measure", "queue_key"], strata=strata, than="queue"
            )
        ],
        agent_mix_daily: [
            {**key, **row}
            for row in compare_agents(cells, within=["measure"], strata=strata, than="expected")
        ],
    }


def read_cells(connection: sa.Connection, day: str) -> pl.DataFrame:
    """Calls of the days up to `day` that can be judged, by known agent, queue, day and measure."""
    keys = (_call.date_key, _call.queue_key, _call.agent_key)
    counts = [
        sa.func.sum(sa.case((sa.and_(judged, condition), 1), else_=0))
        for judged, event in MEASURES.values()
        for condition in (sa.true(), event)
    ]
    first = date_key(shift_day(day, 1 - WINDOW_DAYS))
    query = (
        sa.select(*keys, *counts)
        .where(_call.date_key.between(first, date_key(day)), _call.agent_key != 0)
        .group_by(*keys)
        .order_by(*keys)
    )
    rows = [
        (*row[:3], measure, row[3 + 2 * number], row[4 + 2 * number])
        for row in connection.execute(query)
        for number, measure in enumerate(MEASURES)
        if row[3 + 2 * number]
    ]
    return pl.DataFrame(
        rows,
        schema={
            **dict.fromkeys(("date_key", "queue_key", "agent_key"), pl.Int64),
            "measure": pl.String,
            "n": pl.Int64,
            "events": pl.Int64,
        },
        orient="row",
    )


MART = Mart(
    name="agent_daily",
    description="Agents against what their calls let expect: shrunk rates, intervals, no ranks.",
    tables=(agent_daily, agent_mix_daily),
    code_version="1",
    compute=compute,
    days_before=WINDOW_DAYS - 1,
    reads=("fact_call",),
)
