"""Checks on `vad_segments`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    drift_check,
    stage_checks,
)
from callqa_assets.stages.segments import STAGE
from callqa_assets.warehouse.tables import recordings
from callqa_assets.warehouse.tables import segments as table


def _speech_share(connection: sa.Connection, day: str) -> float | None:
    """Seconds of speech per second of channel time."""
    speech = sa.select(sa.func.sum(table.c.end_s - table.c.start_s)).where(
        table.c.day == day, table.c.kind == "speech"
    )
    sound = sa.select(sa.func.sum(recordings.c.duration_s * recordings.c.channels)).where(
        recordings.c.day == day, recordings.c.status == "ok"
    )
    seconds = connection.execute(sound).scalar_one()
    return (connection.execute(speech).scalar_one() or 0.0) / seconds if seconds else None


CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_has_segments",
        failures="Recordings that could not be segmented.",
    ),
    drift_check(
        STAGE.asset,
        "speech_share",
        "Share of the channels' time that is speech.",
        _speech_share,
        Bounds(low=0.05, high=0.95, max_change=0.25),
    ),
]
