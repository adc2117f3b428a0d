"""Readers of the conversation metrics, a day at a time."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from callqa_assets.warehouse.tables import call_channel_metrics, call_metrics, recordings


def read_talk_hours(connection: sa.Connection, day: str, zone: ZoneInfo) -> pl.DataFrame:
    """Seconds of a day's conversations by local hour of the call's start.

    Columns: hour (0..23), part (`agent`, `customer`, `others`, `silence`, `hold`), seconds.
    Overlaps count for each speaker.
    """
    role = call_channel_metrics.c.role
    part = sa.case((role.in_(("agent", "customer")), role), else_="others")
    spoken = sa.select(call_channel_metrics.c.recording_id, part, call_channel_metrics.c.talk_s)
    quiet = (
        sa.select(call_metrics.c.recording_id, sa.literal(name), column)
        for name, column in (("silence", call_metrics.c.silence_s), ("hold", call_metrics.c.hold_s))
    )
    parts = sa.union_all(spoken, *quiet).subquery()
    recording_id, name, seconds = parts.c
    rows = connection.execute(
        sa.select(recordings.c.started_at, name, seconds)
        .join(recordings, recordings.c.recording_id == recording_id)
        .where(recordings.c.day == day, seconds.is_not(None))
    )
    return (
        pl.DataFrame(
            [(at.astimezone(zone).hour, part, seconds) for at, part, seconds in rows],
            schema={"hour": pl.Int32, "part": pl.String, "seconds": pl.Float64},
            orient="row",
        )
        .group_by("hour", "part")
        .agg(pl.col("seconds").sum())
        .sort("hour", "part")
    )
