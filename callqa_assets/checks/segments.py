"""Checks on `vad_segments`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    Scope,
    drift_check,
    integrity_check,
    stage_checks,
)
from callqa_assets.stages.segments import STAGE
from callqa_assets.warehouse.tables import recordings
from callqa_assets.warehouse.tables import segments as table

MAX_SEGMENT_S = 30.0
_SLACK_S = 0.02  # two VAD frames: a recording need not end with a whole frame


def _faults(scope: Scope) -> list[str]:
    after = sa.func.lead(table.c.start_s).over(
        partition_by=(table.c.recording_id, table.c.channel), order_by=table.c.segment_no
    )
    rows = (
        sa.select(table.c.recording_id, table.c.start_s, table.c.end_s, after.label("next_s"))
        .where(table.c.day == scope.day, scope.own(STAGE.name, table.c.recording_id))
        .subquery()
    )
    query = (
        sa.select(rows.c.recording_id)
        .join(recordings, recordings.c.recording_id == rows.c.recording_id)
        .where(
            sa.or_(
                rows.c.end_s > recordings.c.duration_s + _SLACK_S,
                rows.c.end_s - rows.c.start_s > MAX_SEGMENT_S + _SLACK_S,
                rows.c.next_s < rows.c.end_s - 1e-6,
            )
        )
    )
    return list(scope.connection.execute(query).scalars())


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
    integrity_check(
        STAGE.asset,
        "segments_are_sound",
        "Segments lie inside their recording, in order, without overlap, none longer than 30 s.",
        _faults,
    ),
    drift_check(
        STAGE.asset,
        "speech_share",
        "Share of the channels' time that is speech.",
        _speech_share,
        Bounds(low=0.05, high=0.95, max_change=0.25),
    ),
]
