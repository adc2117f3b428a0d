"""Days for which a run is due, and whether a day is settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from callqa_assets.warehouse.tables import dirty_days, intake, recordings, stage_runs


def mark_dirty(connection: sa.Connection, days: Iterable[str]) -> None:
    """Record an arrival for each of these days: a run of it is due."""
    for day in sorted(set(days)):
        updated = connection.execute(
            sa.update(dirty_days)
            .where(dirty_days.c.day == day)
            .values(generation=dirty_days.c.generation + 1, changed_at=datetime.now(UTC))
        )
        if updated.rowcount == 0:
            connection.execute(
                sa.insert(dirty_days).values(
                    day=day, generation=1, done_generation=0, changed_at=datetime.now(UTC)
                )
            )


def read_dirty_days(connection: sa.Connection) -> dict[str, int]:
    """Days with arrivals that no finished run has seen, with their generation."""
    rows = connection.execute(
        sa.select(dirty_days.c.day, dirty_days.c.generation).where(
            dirty_days.c.done_generation < dirty_days.c.generation
        )
    )
    return {row.day: row.generation for row in rows}


def read_generation(connection: sa.Connection, day: str) -> int:
    """How often something arrived for the day; 0 where nothing has."""
    query = sa.select(dirty_days.c.generation).where(dirty_days.c.day == day)
    return connection.execute(query).scalar_one_or_none() or 0


def mark_done(connection: sa.Connection, day: str, generation: int) -> None:
    """Record that a run begun at `generation` finished the day; later arrivals keep it dirty."""
    connection.execute(
        sa.update(dirty_days)
        .where(dirty_days.c.day == day, dirty_days.c.done_generation < generation)
        .values(done_generation=generation)
    )


def day_is_settled(connection: sa.Connection, day: str, stages: Collection[str]) -> bool:
    """True where no file of the day waits for ingestion and every stage is finished."""
    waiting = sa.select(intake.c.day).where(
        intake.c.day == day, intake.c.state.in_(("stable", "moving"))
    )
    settled = sa.select(sa.func.count()).where(
        stage_runs.c.day == day,
        stage_runs.c.stage.in_(stages),
        stage_runs.c.status.in_(("ok", "failed", "blocked")),
    )
    good = sa.select(sa.func.count()).where(recordings.c.day == day, recordings.c.status == "ok")
    return connection.execute(waiting.limit(1)).first() is None and connection.execute(
        settled
    ).scalar_one() == connection.execute(good).scalar_one() * len(stages)
