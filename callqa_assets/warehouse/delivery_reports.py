"""Deliveries for people to look at: counts by receiver, dead letters, and sending those again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.warehouse.deliveries import WAITING
from callqa_assets.warehouse.tables import (
    alert_deliveries,
    alerts,
    recordings,
)


def resend_dead(
    connection: sa.Connection,
    now: datetime,
    *,
    receiver: str | None = None,
    alert_ids: Collection[str] = (),
) -> int:
    """Put dead letters back, with all their attempts before them; returns how many.

    Without `alert_ids`, all of the channel's, or of every channel. None goes under the id of a
    digest again: its other alerts may have arrived under it, without this one.
    """
    table = alert_deliveries
    update = sa.update(table).where(table.c.status == "dead")
    if receiver is not None:
        update = update.where(table.c.receiver == receiver)
    if alert_ids:
        update = update.where(table.c.alert_id.in_(alert_ids))
    return connection.execute(
        update.values(
            status="pending",
            message_id=None,
            accepted_by=[],
            attempts=0,
            waiting_since=now,
            next_attempt_at=now,
        )
    ).rowcount


@dataclass(frozen=True)
class ReceiverCounts:
    """A channel's deliveries by status, and since when the oldest that waits does."""

    by_status: dict[str, int]
    oldest_waiting: datetime | None

    @property
    def waiting(self) -> int:
        return sum(self.by_status.get(status, 0) for status in WAITING)


def count_by_channel(
    connection: sa.Connection, statuses: Collection[str]
) -> dict[str, ReceiverCounts]:
    """Every channel that has a delivery of one of these statuses."""
    table = alert_deliveries
    counts: dict[str, ReceiverCounts] = {}
    query = (
        sa.select(
            table.c.receiver,
            table.c.status,
            sa.func.count().label("letters"),
            sa.func.min(table.c.waiting_since).label("oldest"),
        )
        .where(table.c.status.in_(statuses))
        .group_by(table.c.receiver, table.c.status)
        .order_by(table.c.receiver)
    )
    for row in connection.execute(query):
        before = counts.get(row.receiver, ReceiverCounts({}, None))
        oldest = before.oldest_waiting
        if row.status in WAITING:
            oldest = min(filter(None, (oldest, row.oldest)))
        by_status = {**before.by_status, row.status: row.letters}
        counts[row.receiver] = ReceiverCounts(by_status, oldest)
    return counts


def count_dead_since(connection: sa.Connection, since: datetime) -> dict[str, int]:
    """Dead letters by channel, of deliveries that began to wait after `since`."""
    table = alert_deliveries
    query = (
        sa.select(table.c.receiver, sa.func.count().label("letters"))
        .where(table.c.status == "dead", table.c.waiting_since >= since)
        .group_by(table.c.receiver)
        .order_by(table.c.receiver)
    )
    return {row.receiver: row.letters for row in connection.execute(query)}


def read_letters(
    connection: sa.Connection,
    statuses: Collection[str],
    *,
    receiver: str | None = None,
    limit: int | None = None,
) -> Sequence[sa.Row[Any]]:
    """Deliveries for people to look at, the oldest first, with rule, priority and call."""
    table = alert_deliveries
    query = (
        sa.select(
            table,
            alerts.c.rule,
            alerts.c.priority,
            recordings.c.agent_id,
            recordings.c.started_at,
        )
        .join(alerts, alerts.c.alert_id == table.c.alert_id)
        .join(recordings, recordings.c.recording_id == table.c.recording_id)
        .where(table.c.status.in_(statuses))
        .order_by(table.c.created_at, table.c.alert_id, table.c.receiver)
        .limit(limit)
    )
    if receiver is not None:
        query = query.where(table.c.receiver == receiver)
    return connection.execute(query).all()
