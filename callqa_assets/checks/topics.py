"""Checks on `topics`."""

import sqlalchemy as sa

from callqa_assets.checks.day_checks import Bounds, drift_check, stage_checks
from callqa_assets.stages.topics import STAGE
from callqa_assets.warehouse.tables import call_terms, topic_hits


def _share_without_topic(connection: sa.Connection, day: str) -> float | None:
    calls, with_topic = (
        connection.execute(
            sa.select(sa.func.count(table.c.recording_id.distinct())).where(table.c.day == day)
        ).scalar_one()
        for table in (call_terms, topic_hits)
    )
    return 1 - with_topic / calls if calls else None


CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_was_searched_for_topics",
        failures="Recordings that could not be searched for topics.",
    ),
    drift_check(
        STAGE.asset,
        "share_without_topic",
        "Share of calls with speech that speak of no topic: where it grows, people call about "
        "something that `configs/topics.yaml` does not name.",
        _share_without_topic,
        Bounds(low=0.0, high=0.9, max_change=0.15),
    ),
]
