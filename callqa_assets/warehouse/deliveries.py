"""Rows of the transactional outbox: pending, being sent, and finished deliveries.

They are created by `outbox` and sent by `callqa_assets.alerting.delivery`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.alerts.notice import Notice
from callqa_assets.domain.alerts.priorities import PRIORITY_RANKS
from callqa_assets.domain.alerts.spike_notice import SpikeNotice
from callqa_assets.domain.claims import owner_of
from callqa_assets.domain.statistics.spikes import TOLD_STATES
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    alert_deliveries,
    alerts,
    topic_spikes,
)

WAITING = ("pending", "sending")
_SPIKE_PRIORITY = "medium"
"""Spikes are told behind alerts of high priority."""


@dataclass(frozen=True)
class Delivery:
    """One pending delivery: of an alert, or of a spike."""

    delivery_id: str
    attempts: int
    alert: Notice | None
    spike: SpikeNotice | None
    accepted_by: frozenset[str]


def release_expired(connection: sa.Connection, receiver: str, now: datetime) -> None:
    """Make deliveries pending again whose sender died, or whose lease ended without an outcome."""
    table = alert_deliveries
    held = connection.execute(
        sa.select(table.c.delivery_id, table.c.claimed_by, table.c.lease_until).where(
            table.c.receiver == receiver, table.c.status == "sending"
        )
    ).all()
    for row in held:
        if row.lease_until <= now or owner_of(row.claimed_by).is_dead():
            connection.execute(
                sa.update(table)
                .where(table.c.delivery_id == row.delivery_id, table.c.claimed_by == row.claimed_by)
                .values(
                    status="pending",
                    claimed_by=None,
                    lease_until=None,
                    next_attempt_at=now,
                    last_error="the process that sent it died before the receiver answered",
                )
            )


def withdraw_obsolete(connection: sa.Connection, receiver: str) -> None:
    """Suppress pending deliveries of alerts that no longer notify, and of superseded spikes."""
    _update_pending(
        connection,
        receiver,
        ~sa.or_(_alert_notifies(), _spike_notifies()),
        status="suppressed",
        suppressed_because="withdrawn",
        next_attempt_at=None,
    )


def give_up(
    connection: sa.Connection,
    receiver: str,
    *,
    max_attempts: int,
    give_up_after: timedelta,
    untried: bool,
    now: datetime,
) -> None:
    """Make dead letters of deliveries that were tried too often or have waited too long.

    What was never tried keeps waiting unless `untried`: a night without a daemon must not lose
    an alert.
    """
    too_old = alert_deliveries.c.waiting_since <= now - give_up_after
    if not untried:
        too_old &= alert_deliveries.c.attempts > 0
    _update_pending(
        connection,
        receiver,
        (alert_deliveries.c.attempts >= max_attempts) | too_old,
        status="dead",
        next_attempt_at=None,
    )


def receivers_with_waiting(connection: sa.Connection) -> list[str]:
    """Names of receivers for which something waits or is being sent, in order."""
    query = (
        sa.select(alert_deliveries.c.receiver)
        .where(alert_deliveries.c.status.in_(WAITING))
        .distinct()
        .order_by(alert_deliveries.c.receiver)
    )
    return list(connection.execute(query).scalars())


def explain_waiting(connection: sa.Connection, receiver: str, reason: str) -> None:
    """Record why a receiver's deliveries wait."""
    is_new = alert_deliveries.c.last_error.is_distinct_from(reason)
    _update_pending(connection, receiver, is_new, last_error=reason)


def _update_pending(
    connection: sa.Connection, receiver: str, where: sa.ColumnElement[bool], **values: Any
) -> None:
    """Update a receiver's pending deliveries, but skip those that `outbox` is writing: waiting
    for it while holding others that it needs would be a deadlock."""
    table = alert_deliveries
    free = (
        sa.select(table.c.delivery_id)
        .where(table.c.receiver == receiver, table.c.status == "pending", where)
        .with_for_update(skip_locked=True)
    )
    connection.execute(sa.update(table).where(table.c.delivery_id.in_(free)).values(**values))


@dataclass(frozen=True)
class Due:
    """A delivery that is due, without its notice."""

    delivery_id: str
    topic: str | None
    """Whose spike it tells of; None: it tells of an alert."""
    message_id: str | None
    """Message in which it was sent without a clear outcome."""


def read_due(connection: sa.Connection, receiver: str, now: datetime, limit: int) -> list[Due]:
    """Deliveries that are due and whose alert or spike still notifies, the most urgent first.

    Those whose alert is being written at this moment are skipped.
    """
    table = alert_deliveries
    rank = sa.case(PRIORITY_RANKS, value=alerts.c.priority, else_=PRIORITY_RANKS[_SPIKE_PRIORITY])
    query = (
        _waiting_of(receiver, table.c.delivery_id, table.c.topic, table.c.message_id)
        .outerjoin(alerts, alerts.c.alert_id == table.c.alert_id)
        .where(table.c.next_attempt_at <= now)
        .order_by(rank, table.c.created_at, table.c.delivery_id)
        .limit(limit)
    )
    # SQLite has one writer anyway. Without waiting for a writer there is no deadlock with it.
    locked = query.with_for_update(of=table, skip_locked=True)
    return [Due(**row) for row in connection.execute(locked).mappings()]


def read_waiting(
    connection: sa.Connection, receiver: str, delivery_ids: Sequence[str]
) -> list[Delivery]:
    """These deliveries in this order, without those that no longer notify."""
    query = _waiting_of(receiver, alert_deliveries).where(
        alert_deliveries.c.delivery_id.in_(delivery_ids)
    )
    found = {delivery.delivery_id: delivery for delivery in _read(connection, query)}
    return [found[delivery_id] for delivery_id in delivery_ids if delivery_id in found]


def read_message(connection: sa.Connection, receiver: str, message_id: str) -> list[Delivery]:
    """All deliveries that still wait of a message that was sent before: a part of them, sent later
    under the same id, would be dropped as a repeat."""
    query = (
        _waiting_of(receiver, alert_deliveries)
        .where(alert_deliveries.c.message_id == message_id)
        .order_by(alert_deliveries.c.delivery_id)
        # Nobody else holds them: `outbox` leaves alone what has a message.
        .with_for_update(of=alert_deliveries)
    )
    return _read(connection, query)


def read_next_due(connection: sa.Connection, receiver: str) -> datetime | None:
    """When the receiver's next delivery may be tried; None where none waits."""
    query = _waiting_of(receiver, sa.func.min(alert_deliveries.c.next_attempt_at))
    return connection.execute(query).scalar_one()


def _waiting_of(receiver: str, *columns: Any) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(*columns)
        .select_from(alert_deliveries)
        .where(
            alert_deliveries.c.receiver == receiver,
            alert_deliveries.c.status == "pending",
            sa.or_(_alert_notifies(), _spike_notifies()),
        )
    )


def _alert_notifies() -> sa.ColumnElement[bool]:
    """True where it tells of an alert of which receivers are to be notified; a recomputation may
    change that."""
    own = alerts.alias()
    return (
        sa.select(own.c.alert_id)
        .where(
            own.c.alert_id == alert_deliveries.c.alert_id,
            own.c.superseded_at.is_(None),
            own.c.mode == "live",
            own.c.inhibited_by.is_(None),
        )
        .exists()
    )


def _spike_notifies() -> sa.ColumnElement[bool]:
    """True where it tells of a spike that is not superseded."""
    return (
        sa.select(topic_spikes.c.topic)
        .where(
            topic_spikes.c.date_key == alert_deliveries.c.spike_date_key,
            topic_spikes.c.topic == alert_deliveries.c.topic,
            topic_spikes.c.state.in_(TOLD_STATES),
            topic_spikes.c.superseded_at.is_(None),
        )
        .exists()
    )


def _read(connection: sa.Connection, query: sa.Select[*tuple[Any, ...]]) -> list[Delivery]:
    return [
        Delivery(
            delivery_id=row.delivery_id,
            attempts=row.attempts,
            alert=row.payload if row.topic is None else None,
            spike=None if row.topic is None else row.payload,
            accepted_by=frozenset(row.accepted_by),
        )
        for row in connection.execute(query)
    ]


def mark_sending(
    connection: sa.Connection,
    deliveries: Sequence[Delivery],
    message_id: str,
    *,
    claim: str,
    lease_until: datetime,
) -> None:
    """Record that they are sent as one message, under the claim; the attempt is counted now."""
    _update(
        connection,
        [d.delivery_id for d in deliveries],
        status="sending",
        message_id=message_id,
        attempts=alert_deliveries.c.attempts + 1,
        claimed_by=claim,
        lease_until=lease_until,
    )


def mark_delivered(
    connection: sa.Connection, claim: str, accepted_by: Collection[str], now: datetime
) -> int:
    """Record that the receiver accepted them; returns how many were still under the claim."""
    return _settle(
        connection,
        claim,
        status="delivered",
        delivered_at=now,
        next_attempt_at=None,
        last_error=None,
        accepted_by=sorted(accepted_by),
    )


def mark_undelivered(
    connection: sa.Connection,
    claim: str,
    *,
    error: str | None,
    next_attempt_at: datetime,
    keep_message: bool,
    accepted_by: Collection[str],
) -> int:
    """Let them wait for another attempt; `keep_message` if the receiver may have the message."""
    forget = {} if keep_message else {"message_id": None}
    return _settle(
        connection,
        claim,
        status="pending",
        last_error=error,
        next_attempt_at=next_attempt_at,
        accepted_by=sorted(accepted_by),
        **forget,
    )


def _settle(connection: sa.Connection, claim: str, **values: Any) -> int:
    settled = connection.execute(
        sa.update(alert_deliveries)
        .where(alert_deliveries.c.claimed_by == claim, alert_deliveries.c.status == "sending")
        .values(claimed_by=None, lease_until=None, **values)
    )
    return settled.rowcount


def _update(connection: sa.Connection, delivery_ids: Sequence[str], **values: Any) -> None:
    for ids in chunks(delivery_ids):
        connection.execute(
            sa.update(alert_deliveries)
            .where(alert_deliveries.c.delivery_id.in_(ids))
            .values(**values)
        )
