"""Checks on the marts: whether the run's days were published, and yesterday in time."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import sqlalchemy as sa

from callqa_assets.checks.day_checks import anomaly_check
from callqa_assets.domain.days import Calendar, shift_day
from callqa_assets.marts.registry import MARTS
from callqa_assets.warehouse.dimensions import find_uncovered_year
from callqa_assets.warehouse.mart_days import read_publications
from callqa_assets.warehouse.tables import recordings
from resources.dagster_resources import HomeResource, WarehouseResource

ASSET = MARTS[0].name
DUE_HOUR = 9
"""Local hour by which yesterday is published."""


def _find_withheld(connection: sa.Connection, day: str) -> str | None:
    state = read_publications(connection, [day]).get(day)
    return state.reason if state else None


def find_overdue(connection: sa.Connection, calendar: Calendar, now: datetime) -> str | None:
    """Why yesterday's calls are not published although they are due; None where all is well."""
    yesterday = shift_day(calendar.day_of(now), -1)
    if calendar.localize(now).hour < DUE_HOUR:
        return None
    state = read_publications(connection, [yesterday]).get(yesterday)
    if state is not None:
        return f"{yesterday} is withheld: {state.reason}" if state.reason else None
    calls = sa.select(recordings.c.recording_id).where(recordings.c.day == yesterday).limit(1)
    if connection.execute(calls).first() is None:
        return None
    return f"{yesterday} is not published: run the job `publish_marts` on it"


@dg.asset_check(
    asset=ASSET,
    description=f"Yesterday's calls are published by {DUE_HOUR:02d}:00 local time.",
)
def yesterday_is_published(
    warehouse: dg.ResourceParam[WarehouseResource], home: HomeResource
) -> dg.AssetCheckResult:
    with warehouse.open().read() as connection:
        overdue = find_overdue(connection, home.open().calendar, datetime.now(UTC))
    return dg.AssetCheckResult(
        passed=overdue is None, severity=dg.AssetCheckSeverity.ERROR, description=overdue
    )


CHECKS = [
    anomaly_check(
        ASSET,
        "workdays_are_known",
        "The file of China's public holidays covers the days' years.",
        find_uncovered_year,
    ),
    anomaly_check(
        ASSET,
        "days_are_published",
        "No day of the run is withheld; what was published before stays until it is mended.",
        _find_withheld,
        severity=dg.AssetCheckSeverity.ERROR,
    ),
    yesterday_is_published,
]
