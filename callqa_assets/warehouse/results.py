"""Writers and readers of what the stages produce, a recording at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.alerting_identity import StoredAlert
from callqa_assets.warehouse.tables import alerts, emotion_spans, recordings

Rows = Mapping[sa.Table, Sequence[Mapping[str, Any]]]
"""A recording's rows by table, without `recording_id` and `day`."""


def replace_rows(connection: sa.Connection, recording_id: str, day: str, rows: Rows) -> None:
    """Make `rows` the recording's only rows in each of the tables named."""
    for table, values in rows.items():
        connection.execute(sa.delete(table).where(table.c.recording_id == recording_id))
        if values:
            connection.execute(
                sa.insert(table),
                [{**row, "recording_id": recording_id, "day": day} for row in values],
            )


def read_rows(
    connection: sa.Connection, table: sa.Table, recording_id: str
) -> Sequence[sa.Row[Any]]:
    """The recording's rows of a stage table, in the order of its key."""
    query = sa.select(table).where(table.c.recording_id == recording_id)
    return connection.execute(query.order_by(*table.primary_key.columns)).all()


def upsert_alerts(
    connection: sa.Connection,
    recording_id: str,
    day: str,
    fired: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Store what fired; what fired earlier and no longer does is superseded, never deleted.

    `fired` rows carry their `alert_id`, already that of the stored alert they continue.
    """
    ids = [row["alert_id"] for row in fired]
    connection.execute(
        sa.update(alerts)
        .where(
            alerts.c.recording_id == recording_id,
            alerts.c.alert_id.not_in(ids),
            alerts.c.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )
    for row in fired:
        values = {**row, "recording_id": recording_id, "day": day, "superseded_at": None}
        updated = connection.execute(
            sa.update(alerts).where(alerts.c.alert_id == row["alert_id"]).values(**values)
        )
        if updated.rowcount == 0:
            connection.execute(sa.insert(alerts).values(**values, created_at=now))


def read_stored_alerts(connection: sa.Connection, recording_id: str) -> list[StoredAlert]:
    """Every alert the recording ever had, superseded ones too."""
    return [
        StoredAlert(r.alert_id, r.recording_id, r.channel, r.rule, r.started_s, r.ended_s)
        for r in connection.execute(sa.select(alerts).where(alerts.c.recording_id == recording_id))
    ]


def count_alerts(connection: sa.Connection, day: str) -> int:
    """Alerts of the day that stand."""
    query = sa.select(sa.func.count()).where(alerts.c.day == day, alerts.c.superseded_at.is_(None))
    return connection.execute(query).scalar_one()


def read_emotion_hours(connection: sa.Connection, day: str, timezone: str) -> pl.DataFrame:
    """Speech seconds of a day by local hour of the call's start and emotion.

    Columns: hour (0..23), emotion, seconds.
    """
    query = sa.select(
        recordings.c.started_at,
        emotion_spans.c.emotion,
        emotion_spans.c.start_s,
        emotion_spans.c.end_s,
    ).join(recordings, recordings.c.recording_id == emotion_spans.c.recording_id)
    rows = connection.execute(query.where(emotion_spans.c.day == day))
    zone = ZoneInfo(timezone)
    return (
        pl.DataFrame(
            [
                (row.started_at.astimezone(zone).hour, row.emotion, row.end_s - row.start_s)
                for row in rows
            ],
            schema={"hour": pl.Int32, "emotion": pl.String, "seconds": pl.Float64},
            orient="row",
        )
        .group_by("hour", "emotion")
        .agg(pl.col("seconds").sum())
        .sort("hour", "emotion")
    )
