"""Mart `queue_daily`: each queue's day in numbers, shares beside their numerators."""

from __future__ import annotations

from typing import Any

import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.domain.statistics.proportions import wilson_interval
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import fact_call, queue_daily

_READ = {
    **dict.fromkeys(("queue_key", "agent_key", "alerts", "alerts_high"), pl.Int64),
    **dict.fromkeys(("agent_interruptions", "script_applicable", "script_missed"), pl.Int64),
    **dict.fromkeys(
        ("duration_s", "conversation_s", "agent_talk_s", "customer_talk_s"), pl.Float64
    ),
    **dict.fromkeys(("silence_s", "silence_over_3s_s", "overlap_s"), pl.Float64),
    "response_delay_median_s": pl.Float64,
    "is_unhappy": pl.Boolean,
}


def compute(context: MartContext, day: str) -> MartRows:
    query = sa.select(*(fact_call.c[name] for name in _READ))
    calls = context.connection.execute(query.where(fact_call.c.date_key == date_key(day)))
    frame = pl.DataFrame([tuple(row) for row in calls], schema=_READ, orient="row")
    sums = (
        frame.group_by("queue_key")
        .agg(
            pl.len().alias("calls"),
            pl.col("agent_key").filter(pl.col("agent_key") != 0).n_unique().alias("agents"),
            pl.col("duration_s", "conversation_s", "agent_talk_s", "customer_talk_s").sum(),
            pl.col("silence_s", "silence_over_3s_s", "overlap_s").sum(),
            pl.col("conversation_s")
            .filter(pl.col("overlap_s").is_not_null())
            .sum()
            .alias("overlap_conversation_s"),
            pl.col("agent_interruptions").count().alias("calls_interruption_known"),
            (pl.col("agent_interruptions") > 0).sum().alias("calls_interrupted"),
            pl.col("agent_interruptions").sum(),
            pl.col("response_delay_median_s").count().alias("calls_with_response"),
            pl.col("response_delay_median_s").median(),
            pl.col("is_unhappy").count().alias("calls_judged"),
            pl.col("is_unhappy").sum().alias("calls_unhappy"),
            pl.col("alerts", "alerts_high", "script_applicable", "script_missed").sum(),
            (pl.col("alerts_high") > 0).sum().alias("calls_with_high_alert"),
        )
        .sort("queue_key")
    )
    return {queue_daily: [_describe(date_key(day), row) for row in sums.to_dicts()]}


def _describe(key: int, row: dict[str, Any]) -> dict[str, Any]:
    lo, hi = wilson_interval(row["calls_unhappy"], row["calls_judged"])
    return {
        "date_key": key,
        **row,
        "talk_balance": _share(row["agent_talk_s"], row["agent_talk_s"] + row["customer_talk_s"]),
        "silence_share": _share(row["silence_s"], row["conversation_s"]),
        "overlap_share": _share(row["overlap_s"], row["overlap_conversation_s"]),
        "interrupted_share": _share(row["calls_interrupted"], row["calls_interruption_known"]),
        "unhappy_share": _share(row["calls_unhappy"], row["calls_judged"]),
        "unhappy_lo": lo,
        "unhappy_hi": hi,
        "high_alert_share": row["calls_with_high_alert"] / row["calls"],
        "script_miss_share": _share(row["script_missed"], row["script_applicable"]),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


MART = Mart(
    name="queue_daily",
    description="Each queue's day: calls, talk, silence, unhappy calls, alerts, script misses.",
    tables=(queue_daily,),
    code_version="1",
    compute=compute,
    reads=("fact_call",),
)
