"""Rows of `alerts`: storing those that fired, reading them back, counting them by day."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.alerts.identity import StoredAlert
from callqa_assets.domain.alerts.volume import DayVolume
from callqa_assets.domain.rules.engine.evaluate import FiredAlert
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import alerts, recordings, stage_runs


@dataclass(frozen=True)
class AlertRow:
    """An alert to be stored."""

    alert: FiredAlert
    """Under the id of the stored alert that it continues, if any."""
    day: str
    evidence: Mapping[str, Any]
    """JSON-serialisable: the alert's own, and what it was computed from."""

    @property
    def columns(self) -> dict[str, Any]:
        own = {name: getattr(self.alert, name) for name in _ALERT_COLUMNS}
        return {**own, "day": self.day, "evidence": self.evidence}


_ALERT_COLUMNS = [field.name for field in fields(FiredAlert) if field.name in alerts.c]


def upsert_alerts(
    connection: sa.Connection,
    fired: Sequence[AlertRow],
    ended: Collection[str],
    stored: Collection[str],
    now: datetime,
) -> None:
    """Store alerts that fired; one that no longer does is superseded, never deleted.

    `stored` are the ids of alerts that exist, `ended` those of them that none of `fired` continues.
    """
    rows = [row.columns for row in fired]
    for ids in chunks(sorted(ended)):
        connection.execute(
            sa.update(alerts)
            .where(alerts.c.alert_id.in_(ids), alerts.c.superseded_at.is_(None))
            .values(superseded_at=now)
        )
    continued = [row for row in rows if row["alert_id"] in stored]
    if continued:
        columns = {key: sa.bindparam(key) for key in continued[0] if key != "alert_id"}
        connection.execute(
            sa.update(alerts)
            .where(alerts.c.alert_id == sa.bindparam("of_alert"))
            .values(**columns, superseded_at=None),
            [{"of_alert": row["alert_id"], **{k: row[k] for k in columns}} for row in continued],
        )
    new = [{**row, "created_at": now} for row in rows if row["alert_id"] not in stored]
    if new:
        connection.execute(sa.insert(alerts), new)


def read_stored_alerts(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> dict[str, list[StoredAlert]]:
    """All alerts of the recordings, superseded ones too, by recording."""
    found: dict[str, list[StoredAlert]] = {recording_id: [] for recording_id in recording_ids}
    columns = [alerts.c[field.name] for field in fields(StoredAlert)]
    for ids in chunks(recording_ids):
        for row in connection.execute(sa.select(*columns).where(alerts.c.recording_id.in_(ids))):
            found[row.recording_id].append(StoredAlert(*row))
    return found


def count_alerts(connection: sa.Connection, day: str) -> int:
    """Number of the day's alerts in force."""
    query = sa.select(sa.func.count()).where(alerts.c.day == day, alerts.c.superseded_at.is_(None))
    return connection.execute(query).scalar_one()


def read_volume(connection: sa.Connection, days: Sequence[str]) -> list[DayVolume]:
    """The volume of each of the days."""
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
    """Hours of the recordings on which the rules were evaluated, by day."""
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
