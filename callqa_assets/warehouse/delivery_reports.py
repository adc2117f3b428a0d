"""Deliveries as people see them: counts by receiver, dead letters, and resending these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from callqa_assets.warehouse.deliveries import WAITING
from callqa_assets.warehouse.tables import alert_deliveries, alerts, recordings


def resend_dead(
    connection: sa.Connection,
    now: datetime,
    *,
    receiver: str | None = None,
    alert_ids: Collection[str] = (),
) -> int:
    """Make dead letters pending again, with no attempt counted yet; returns how many.

    Without `alert_ids`, all of the receiver's, or of every receiver. None keeps the id of a
    digest: its other alerts may have arrived under that id, without this one.
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
    """A receiver's deliveries by status, and since when the oldest of them has been waiting."""

    by_status: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting: datetime | None = None

    @property
    def waiting(self) -> int:
        return sum(self.by_status.get(status, 0) for status in WAITING)


def count_by_receiver(
    connection: sa.Connection, statuses: Collection[str]
) -> dict[str, ReceiverCounts]:
    """By receiver, for each that has a delivery of one of these statuses."""
    table = alert_deliveries
    counts: dict[str, ReceiverCounts] = {}
    query = (
        sa.select(
            table.c.receiver,
            table.c.status,
            sa.func.count().label("deliveries"),
            sa.func.min(table.c.waiting_since).label("oldest"),
        )
        .where(table.c.status.in_(statuses))
        .group_by(table.c.receiver, table.c.status)
        .order_by(table.c.receiver)
    )
    for row in connection.execute(query):
        before = counts.get(row.receiver, ReceiverCounts())
        oldest = before.oldest_waiting
        if row.status in WAITING:
            oldest = min(filter(None, (oldest, row.oldest)))
        counts[row.receiver] = ReceiverCounts(
            by_status={**before.by_status, row.status: row.deliveries}, oldest_waiting=oldest
        )
    return counts


def count_dead_since(connection: sa.Connection, since: datetime) -> dict[str, int]:
    """Dead letters by receiver, of deliveries that began to wait after `since`."""
    table = alert_deliveries
    query = (
        sa.select(table.c.receiver, sa.func.count().label("dead_letters"))
        .where(table.c.status == "dead", table.c.waiting_since >= since)
        .group_by(table.c.receiver)
        .order_by(table.c.receiver)
    )
    return {row.receiver: row.dead_letters for row in connection.execute(query)}


@dataclass(frozen=True)
class ReportedDelivery:
    """A delivery with the facts by which people know its alert and call."""

    alert_id: str
    receiver: str
    status: str
    attempts: int
    last_error: str | None
    next_attempt_at: datetime | None
    waiting_since: datetime
    rule: str
    priority: str
    agent_id: str | None
    call_started_at: datetime


def read_deliveries(
    connection: sa.Connection,
    statuses: Collection[str],
    *,
    receiver: str | None = None,
    limit: int | None = None,
) -> list[ReportedDelivery]:
    """Deliveries of these statuses, the oldest first."""
    table = alert_deliveries
    query = (
        sa.select(
            table.c.alert_id,
            table.c.receiver,
            table.c.status,
            table.c.attempts,
            table.c.last_error,
            table.c.next_attempt_at,
            table.c.waiting_since,
            alerts.c.rule,
            alerts.c.priority,
            recordings.c.agent_id,
            recordings.c.started_at.label("call_started_at"),
        )
        .join(alerts, alerts.c.alert_id == table.c.alert_id)
        .join(recordings, recordings.c.recording_id == table.c.recording_id)
        .where(table.c.status.in_(statuses))
        .order_by(table.c.created_at, table.c.alert_id, table.c.receiver)
        .limit(limit)
    )
    if receiver is not None:
        query = query.where(table.c.receiver == receiver)
    return [ReportedDelivery(**row) for row in connection.execute(query).mappings()]
