"""Checks on `emotion_scores`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    Scope,
    drift_check,
    integrity_check,
    stage_checks,
)
from callqa_assets.stages.emotions import STAGE
from callqa_assets.warehouse.tables import emotion_spans as spans
from callqa_assets.warehouse.tables import stage_runs

_SUM_TOLERANCE = 1e-3


def _find_lost_tracks(scope: Scope) -> list[str]:
    tracks = scope.connection.execute(
        sa.select(stage_runs.c.recording_id, stage_runs.c.artifact).where(
            stage_runs.c.stage == STAGE.name,
            stage_runs.c.day == scope.day,
            stage_runs.c.status == "ok",
            stage_runs.c.run_id == scope.run_id,
        )
    )
    return [t.recording_id for t in tracks if not (scope.home.root / t.artifact).is_file()]


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
        "tracks_are_in_the_lake",
        "Every recording's track is where its ledger row says.",
        _find_lost_tracks,
    ),
    drift_check(
        STAGE.asset,
        "unknown_share",
        "Share of speech on which the model abstains.",
        _unknown_share,
        Bounds(low=0.0, high=0.6, max_change=0.2),
    ),
]
