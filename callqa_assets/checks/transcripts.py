"""Checks on `transcripts`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    Scope,
    drift_check,
    integrity_check,
    share_of_rows,
    stage_checks,
)
from callqa_assets.stages.transcripts import STAGE
from callqa_assets.warehouse.tables import segments
from callqa_assets.warehouse.tables import transcripts as table


def _faults(scope: Scope) -> list[str]:
    """Recordings with segments of speech without a transcript, or a confidence outside 0 to 1."""
    same = (
        (table.c.recording_id == segments.c.recording_id)
        & (table.c.channel == segments.c.channel)
        & (table.c.segment_no == segments.c.segment_no)
    )
    query = (
        sa.select(segments.c.recording_id)
        .outerjoin(table, same)
        .where(
            segments.c.day == scope.day,
            segments.c.kind == "speech",
            scope.own(STAGE.name, segments.c.recording_id),
        )
        .where(sa.or_(table.c.recording_id.is_(None), sa.not_(table.c.confidence.between(0, 1))))
    )
    return list(scope.connection.execute(query).scalars())


def _characters_per_second(connection: sa.Connection, day: str) -> float | None:
    query = sa.select(
        sa.func.sum(sa.func.length(table.c.text)), sa.func.sum(table.c.end_s - table.c.start_s)
    ).where(table.c.day == day, table.c.text != "")
    characters, seconds = connection.execute(query).one()
    return characters / seconds if seconds else None


CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_was_transcribed",
        failures="Recordings that could not be transcribed.",
    ),
    integrity_check(
        STAGE.asset,
        "every_segment_has_a_transcript",
        "One transcript for each segment, with a confidence from 0 to 1.",
        _faults,
    ),
    drift_check(
        STAGE.asset,
        "empty_text_share",
        "Share of segments without text.",
        share_of_rows(table, table.c.text == ""),
        Bounds(low=0.0, high=0.3, max_change=0.15),
    ),
    drift_check(
        STAGE.asset,
        "characters_per_second",
        "Characters per second of speech: 3 to 6 in Mandarin, 10 to 18 in English; far more is "
        "invented text, far less is missed speech.",
        _characters_per_second,
        Bounds(low=1.5, high=22.0, max_change=4.0),
    ),
]
