"""Deliveries as people see them: counts by receiver, dead letters, and resending these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from callqa_assets.domain.errors import CallqaError
from callqa_assets.warehouse.deliveries import WAITING
from callqa_assets.warehouse.tables import alert_deliveries, alerts, recordings

_SUBJECT_ID = sa.func.coalesce(alert_deliveries.c.alert_id, alert_deliveries.c.delivery_id)
"""The alert that a delivery tells of; of a spike, which has no id, the delivery itself."""
_MAX_NAMED = 5


class DeliveryNotFoundError(CallqaError):
    """No delivery, or several, of what a person named; the message names the cure."""


def find_subject(connection: sa.Connection, prefix: str) -> str:
    """The one id beginning with `prefix` of what deliveries tell of (`subject_id`).

    Raises DeliveryNotFoundError where none or several do.
    """
    begins = _SUBJECT_ID.startswith(prefix.lower(), autoescape=True)
    query = sa.select(_SUBJECT_ID).where(begins).distinct().order_by(_SUBJECT_ID)
    found = list(connection.execute(query.limit(_MAX_NAMED + 1)).scalars())
    if not prefix or not found:
        raise DeliveryNotFoundError(
            f"no delivery begins with {prefix!r}: `callqa alerts dead` shows the ids"
        )
    if len(found) > 1:
        more = " …" if len(found) > _MAX_NAMED else ""
        raise DeliveryNotFoundError(
            f"{prefix!r} is the beginning of several, write more of it: "
            f"{', '.join(found[:_MAX_NAMED])}{more}"
        )
    return found[0]


def resend_dead(
    connection: sa.Connection,
    now: datetime,
    *,
    receiver: str | None = None,
    subject_ids: Collection[str] = (),
) -> int:
    """Make dead letters pending again, with no attempt counted yet; returns how many.

    Without `subject_ids`, all of the receiver's, or of every receiver. None keeps the id of a
    digest: its other alerts may have arrived under that id, without this one.
    """
    table = alert_deliveries
    update = sa.update(table).where(table.c.status == "dead")
    if receiver is not None:
        update = update.where(table.c.receiver == receiver)
    if subject_ids:
        update = update.where(_SUBJECT_ID.in_(subject_ids))
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
    """A delivery with the facts by which people know its alert and call, or its spike."""

    subject_id: str
    """Of the alert; of a spike, the delivery's own."""
    receiver: str
    status: str
    attempts: int
    last_error: str | None
    next_attempt_at: datetime | None
    waiting_since: datetime
    day: str
    topic: str | None
    """Whose spike it tells of; None: it tells of an alert, and the following are known."""
    rule: str | None
    priority: str | None
    agent_id: str | None
    call_started_at: datetime | None


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
            _SUBJECT_ID.label("subject_id"),
            table.c.receiver,
            table.c.status,
            table.c.attempts,
            table.c.last_error,
            table.c.next_attempt_at,
            table.c.waiting_since,
            table.c.day,
            table.c.topic,
            alerts.c.rule,
            alerts.c.priority,
            recordings.c.agent_id,
            recordings.c.started_at.label("call_started_at"),
        )
        .outerjoin(alerts, alerts.c.alert_id == table.c.alert_id)
        .outerjoin(recordings, recordings.c.recording_id == table.c.recording_id)
        .where(table.c.status.in_(statuses))
        .order_by(table.c.created_at, _SUBJECT_ID, table.c.receiver)
        .limit(limit)
    )
    if receiver is not None:
        query = query.where(table.c.receiver == receiver)
    return [ReportedDelivery(**row) for row in connection.execute(query).mappings()]
