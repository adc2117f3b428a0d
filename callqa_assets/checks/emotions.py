"""Checks on `emotion_scores`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    Scope,
    drift_check,
    integrity_check,
    stage_checks,
)
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.stages.emotions import STAGE
from callqa_assets.warehouse.tables import emotion_scores as table
from callqa_assets.warehouse.tables import emotion_spans as spans
from callqa_assets.warehouse.tables import stage_runs

_SUM_TOLERANCE = 1e-3


def _faults(scope: Scope) -> list[str]:
    """Recordings with invalid posteriors, spans outside segments, or no track in the lake."""
    total = sum((table.c[emotion] for emotion in EMOTIONS), sa.literal(0.0))
    wrong = sa.select(table.c.recording_id).where(
        table.c.day == scope.day,
        scope.own(STAGE.name, table.c.recording_id),
        sa.or_(
            sa.func.abs(total - 1) > _SUM_TOLERANCE,
            *(table.c[emotion] < 0 for emotion in EMOTIONS),
        ),
    )
    inside = sa.exists().where(
        table.c.recording_id == spans.c.recording_id,
        table.c.channel == spans.c.channel,
        table.c.start_s <= spans.c.start_s + 0.02,
        table.c.end_s >= spans.c.end_s - 0.02,
    )
    outside = sa.select(spans.c.recording_id).where(
        spans.c.day == scope.day, scope.own(STAGE.name, spans.c.recording_id), ~inside
    )
    tracks = scope.connection.execute(
        sa.select(stage_runs.c.recording_id, stage_runs.c.artifact).where(
            stage_runs.c.stage == STAGE.name,
            stage_runs.c.day == scope.day,
            stage_runs.c.status == "ok",
            stage_runs.c.run_id == scope.run_id,
        )
    )
    lost = [t.recording_id for t in tracks if not (scope.home.root / t.artifact).is_file()]
    return [*scope.connection.execute(wrong.union(outside)).scalars(), *lost]


def _unknown_share(connection: sa.Connection, day: str) -> float | None:
    seconds = spans.c.end_s - spans.c.start_s
    query = sa.select(
        sa.func.sum(sa.case((spans.c.emotion == "unknown", seconds), else_=0.0)),
        sa.func.sum(seconds),
    ).where(spans.c.day == day)
    unknown, total = connection.execute(query).one()
    return unknown / total if total else None


CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_has_emotions",
        failures="Recordings without emotions.",
    ),
    integrity_check(
        STAGE.asset,
        "posteriors_are_sound",
        "Posteriors are non-negative and sum to 1, spans lie inside segments, tracks exist.",
        _faults,
    ),
    drift_check(
        STAGE.asset,
        "unknown_share",
        "Share of speech on which the model abstains.",
        _unknown_share,
        Bounds(low=0.0, high=0.6, max_change=0.2),
    ),
]
