"""How many alerts stand, day by day, on how much sound. Alerts on trial (`shadow`) do not count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.alerts.volume import DayVolume
from callqa_assets.warehouse.tables import alerts, recordings, stage_runs

TRAILING_DAYS = 14


def trailing_days(day: str) -> list[str]:
    """The two weeks before `day`, and the day itself, ascending."""
    last = date.fromisoformat(day)
    return [(last - timedelta(n)).isoformat() for n in range(TRAILING_DAYS, -1, -1)]


def read_volume(connection: sa.Connection, days: Sequence[str]) -> list[DayVolume]:
    """A volume for each of the days."""
    hours = _read_audio_hours(connection, days)
    counted = _read_counts(connection, days, alerts.c.rule)
    return [
        DayVolume(hours.get(day, 0.0), {rule: count for at, rule, count in counted if at == day})
        for day in days
    ]


def read_volume_by_priority(connection: sa.Connection, days: Sequence[str]) -> pl.DataFrame:
    """Columns day, priority, alerts; no row where there are none."""
    return pl.DataFrame(
        _read_counts(connection, days, alerts.c.priority),
        schema={"day": pl.String, "priority": pl.String, "alerts": pl.Int64},
        orient="row",
    )


def _read_counts(
    connection: sa.Connection, days: Sequence[str], by: sa.Column[str]
) -> list[tuple[str, str, int]]:
    query = (
        sa.select(alerts.c.day, by, sa.func.count())
        .where(alerts.c.day.in_(days), alerts.c.superseded_at.is_(None), alerts.c.mode == "live")
        .group_by(alerts.c.day, by)
        .order_by(alerts.c.day, by)
    )
    return [(day, key, count) for day, key, count in connection.execute(query)]


def _read_audio_hours(connection: sa.Connection, days: Sequence[str]) -> dict[str, float]:
    """Hours of the recordings that the rules have judged, by day."""
    query = (
        sa.select(recordings.c.day, (sa.func.sum(recordings.c.duration_s) / 3600).label("hours"))
        .join(stage_runs, stage_runs.c.recording_id == recordings.c.recording_id)
        .where(
            recordings.c.day.in_(days),
            recordings.c.status == "ok",
            stage_runs.c.stage == "alerts",
            stage_runs.c.output_version.is_not(None),
        )
        .group_by(recordings.c.day)
    )
    return {row.day: row.hours for row in connection.execute(query)}
