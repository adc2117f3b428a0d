"""Checks on `raw_recordings`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    Scope,
    drift_check,
    integrity_check,
    share_of_rows,
)
from callqa_assets.warehouse.tables import recordings as table

ASSET = "raw_recordings"


def _faults(scope: Scope) -> list[str]:
    """Good recordings of this run without their file, a role per channel, or the right day."""
    rows = scope.connection.execute(
        sa.select(table).where(
            table.c.day == scope.day, table.c.status == "ok", table.c.run_id == scope.run_id
        )
    )
    return [
        row.recording_id
        for row in rows
        if not (scope.home.root / row.archive_path).is_file()
        or len(row.channel_roles) != row.channels
        or row.duration_s <= 0
        or scope.home.calendar.day_of(row.started_at) != row.day
    ]


CHECKS = [
    integrity_check(
        ASSET,
        "recordings_are_whole",
        "Every good recording is in the archive, has a role for each channel, and the right day.",
        _faults,
    ),
    drift_check(
        ASSET,
        "quarantine_share",
        "Share of files that could not be read.",
        share_of_rows(table, table.c.status == "quarantined"),
        Bounds(low=0.0, high=0.05, max_change=0.03),
    ),
    drift_check(
        ASSET,
        "mtime_fallback_share",
        "Share of files dated only by their modification or arrival: their day may be wrong.",
        share_of_rows(table, table.c.time_source.in_(("mtime", "intake"))),
        Bounds(low=0.0, high=0.1, max_change=0.1),
    ),
]
