"""The outbox: who is to be told of which alert, what is being sent, and what came of it.

`Outbox.write` puts deliveries in, in the alerts' own transaction; the rest serves
`callqa_assets.delivery`, which takes them out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from callqa_assets.domain.alerting import FiredAlert
from callqa_assets.domain.digest import digest
from callqa_assets.domain.notice import Felt, Notice, write_notice
from callqa_assets.domain.recording import Recording
from callqa_assets.partitions import TIMEZONE
from callqa_assets.process_identity import ProcessIdentity
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.recordings import read_recording, recording_from_row
from callqa_assets.warehouse.tables import (
    alert_deliveries,
    alerts,
    channel_states,
    emotion_spans,
    recordings,
    stage_runs,
)

WAITING = ("pending", "sending")
_PRIORITIES = ("high", "medium", "low")


@dataclass(frozen=True)
class Outbox:
    """Decides, when an alert is stored, whether anybody is to be told."""

    deliver_max_age: timedelta = timedelta(hours=48)
    is_backfill: bool = False
    """Whether the run fills in days at somebody's request: then nobody is told."""

    def write(
        self,
        connection: sa.Connection,
        recording_id: str,
        day: str,
        fired: Sequence[tuple[FiredAlert, Mapping[str, Any]]],
        now: datetime,
    ) -> None:
        """One delivery for each live alert and channel of its rule, in the caller's transaction.

        `fired` are alerts under their final ids, with their evidence, already stored. A delivery
        that exists stays, whatever became of it: an alert that moves tells nobody again. One that
        still waits tells of the alert as it is now; one that was suppressed because its alert had
        gone is decided anew, as it was never sent.
        """
        wanted = [(a, evidence) for a, evidence in fired if a.mode == "live" and a.notify_channels]
        if not wanted:
            return
        row = read_recording(connection, recording_id)
        if row is None:
            raise LookupError(f"no recording {recording_id}")
        recording = recording_from_row(row)
        because = self._suppress_because(recording, now)
        earlier = _read_of_recording(connection, recording_id)
        writer = _NoticeWriter(connection, recording)
        for alert, evidence in wanted:
            for channel_name in dict.fromkeys(alert.notify_channels):
                before = earlier.get((alert.alert_id, channel_name))
                if before is None or before.suppressed_because == "withdrawn":
                    values = {
                        "status": "pending" if because is None else "suppressed",
                        "suppressed_because": because,
                        "payload": writer.write(alert, evidence) if because is None else None,
                        "next_attempt_at": now if because is None else None,
                        "waiting_since": now,
                    }
                elif before.status == "pending":
                    values = {"payload": writer.write(alert, evidence)}
                else:
                    continue
                if before is None:
                    connection.execute(
                        sa.insert(alert_deliveries).values(
                            alert_id=alert.alert_id,
                            channel_name=channel_name,
                            recording_id=recording_id,
                            day=day,
                            delivery_id=digest("delivery", alert.alert_id, channel_name)[:32],
                            created_at=now,
                            **values,
                        )
                    )
                else:
                    _update(connection, [before.delivery_id], **values)

    def _suppress_because(self, recording: Recording, now: datetime) -> str | None:
        if self.is_backfill:
            return "backfill"
        ended_at = recording.started_at + timedelta(seconds=recording.duration_s)
        return "old" if now - ended_at > self.deliver_max_age else None


class _NoticeWriter:
    """Notices of one recording's alerts; what they share is read once, and only if needed."""

    def __init__(self, connection: sa.Connection, recording: Recording) -> None:
        self._connection = connection
        self._recording = recording
        self._run_id: str | None = None
        self._spans: dict[int, list[Felt]] | None = None

    def write(self, alert: FiredAlert, evidence: Mapping[str, Any]) -> Notice:
        if self._spans is None:
            self._read()
        return write_notice(
            self._recording,
            alert,
            spans=(self._spans or {}).get(alert.channel, []),
            said=evidence.get("said", []),
            run_id=self._run_id,
            timezone=ZoneInfo(TIMEZONE),
        )

    def _read(self) -> None:
        of = self._recording.recording_id
        self._run_id = self._connection.execute(
            sa.select(stage_runs.c.run_id).where(
                stage_runs.c.recording_id == of, stage_runs.c.stage == "alerts"
            )
        ).scalar_one_or_none()
        self._spans = {}
        query = sa.select(emotion_spans).where(emotion_spans.c.recording_id == of)
        for row in self._connection.execute(query.order_by(emotion_spans.c.start_s)):
            self._spans.setdefault(row.channel, []).append(
                {
                    "start_s": row.start_s,
                    "end_s": row.end_s,
                    "emotion": row.emotion,
                    "confidence": row.confidence,
                }
            )


def _read_of_recording(
    connection: sa.Connection, recording_id: str
) -> dict[tuple[str, str], sa.Row[Any]]:
    query = sa.select(alert_deliveries).where(alert_deliveries.c.recording_id == recording_id)
    return {(row.alert_id, row.channel_name): row for row in connection.execute(query)}


@dataclass(frozen=True)
class Delivery:
    """One waiting delivery, as draining sees it."""

    delivery_id: str
    message_id: str | None
    """Of the message in which it was sent without a clear answer."""
    attempts: int
    notice: Notice
    taken_by: frozenset[str]


@dataclass(frozen=True)
class ChannelState:
    """What is remembered of a channel between processes."""

    sent: dict[str, float] = field(default_factory=dict)
    resting_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None


def tidy(
    connection: sa.Connection, *, max_attempts: int, give_up_after: timedelta, now: datetime
) -> None:
    """Free what dead processes held, suppress what no longer stands, give up what is too old."""
    table = alert_deliveries
    held = connection.execute(
        sa.select(table.c.delivery_id, table.c.claimed_by, table.c.lease_until).where(
            table.c.status == "sending"
        )
    ).all()
    for row in held:
        owner = ProcessIdentity.parse(row.claimed_by.rpartition("#")[0])
        if row.lease_until <= now or owner.is_dead():
            connection.execute(
                sa.update(table)
                .where(table.c.delivery_id == row.delivery_id, table.c.claimed_by == row.claimed_by)
                .values(
                    status="pending",
                    claimed_by=None,
                    lease_until=None,
                    next_attempt_at=now,
                    last_error="the process that sent it died before it had an answer",
                )
            )
    standing = sa.select(alerts.c.alert_id).where(_stands(), alerts.c.alert_id == table.c.alert_id)
    connection.execute(
        sa.update(table)
        .where(table.c.status == "pending", ~standing.exists())
        .values(status="suppressed", suppressed_because="withdrawn", next_attempt_at=None)
    )
    give_up(connection, max_attempts=max_attempts, give_up_after=give_up_after, now=now)


def give_up(
    connection: sa.Connection, *, max_attempts: int, give_up_after: timedelta, now: datetime
) -> None:
    """Make dead letters of what was tried too often or has waited too long."""
    connection.execute(
        sa.update(alert_deliveries)
        .where(
            alert_deliveries.c.status == "pending",
            (alert_deliveries.c.attempts >= max_attempts)
            | (alert_deliveries.c.waiting_since <= now - give_up_after),
        )
        .values(status="dead", next_attempt_at=None)
    )


def channels_with_waiting(connection: sa.Connection) -> list[str]:
    """Names of the channels for which something is pending, in order."""
    query = (
        sa.select(alert_deliveries.c.channel_name)
        .where(alert_deliveries.c.status == "pending")
        .distinct()
        .order_by(alert_deliveries.c.channel_name)
    )
    return list(connection.execute(query).scalars())


def explain_waiting(connection: sa.Connection, channel_name: str, reason: str) -> None:
    """Write down why a channel's deliveries wait."""
    table = alert_deliveries
    connection.execute(
        sa.update(table)
        .where(
            table.c.channel_name == channel_name,
            table.c.status == "pending",
            table.c.last_error.is_distinct_from(reason),
        )
        .values(last_error=reason)
    )


def read_due(
    connection: sa.Connection, channel_name: str, now: datetime, limit: int
) -> list[Delivery]:
    """Deliveries whose time has come and whose alert stands, the most important first."""
    table = alert_deliveries
    importance = sa.case(
        {priority: n for n, priority in enumerate(_PRIORITIES)},
        value=alerts.c.priority,
        else_=len(_PRIORITIES),
    )
    query = (
        _waiting_of(channel_name)
        .where(table.c.next_attempt_at <= now)
        .order_by(importance, table.c.created_at, table.c.alert_id)
        .limit(limit)
    )
    return [_delivery(row) for row in connection.execute(_lock(query))]


def read_message(connection: sa.Connection, channel_name: str, message_id: str) -> list[Delivery]:
    """The deliveries that still wait of a message that was sent before."""
    query = _waiting_of(channel_name).where(alert_deliveries.c.message_id == message_id)
    query = query.order_by(alert_deliveries.c.created_at, alert_deliveries.c.alert_id)
    return [_delivery(row) for row in connection.execute(_lock(query))]


def read_next_due(connection: sa.Connection, channel_name: str) -> datetime | None:
    """When the next of the channel's deliveries may be tried; None where none waits."""
    query = _waiting_of(channel_name).with_only_columns(
        sa.func.min(alert_deliveries.c.next_attempt_at), maintain_column_froms=True
    )
    return connection.execute(query).scalar_one()


def _waiting_of(channel_name: str) -> sa.Select[Any]:
    return (
        sa.select(alert_deliveries)
        .join(alerts, alerts.c.alert_id == alert_deliveries.c.alert_id)
        .where(
            alert_deliveries.c.channel_name == channel_name,
            alert_deliveries.c.status == "pending",
            _stands(),
        )
    )


def _stands() -> sa.ColumnElement[bool]:
    """True for alerts of which people are to be told; a recompute may change its mind."""
    return (alerts.c.mode == "live") & alerts.c.superseded_at.is_(None)


def _lock(query: sa.Select[Any]) -> sa.Select[Any]:
    """Until the commit nobody else settles these rows (SQLite has one writer anyway)."""
    return query.with_for_update(of=alert_deliveries)


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        row.delivery_id, row.message_id, row.attempts, row.payload, frozenset(row.taken_by)
    )


def claim(
    connection: sa.Connection,
    deliveries: Sequence[Delivery],
    message_id: str,
    *,
    token: str,
    lease_until: datetime,
) -> None:
    """Take deliveries to send them as one message. The attempt is counted now."""
    _update(
        connection,
        [d.delivery_id for d in deliveries],
        status="sending",
        message_id=message_id,
        attempts=alert_deliveries.c.attempts + 1,
        claimed_by=token,
        lease_until=lease_until,
    )


def mark_delivered(
    connection: sa.Connection, token: str, taken_by: Collection[str], now: datetime
) -> int:
    """The receiver has them; returns how many were still the token's."""
    return _settle(
        connection,
        token,
        status="delivered",
        delivered_at=now,
        next_attempt_at=None,
        last_error=None,
        taken_by=sorted(taken_by),
    )


def mark_undelivered(
    connection: sa.Connection,
    token: str,
    *,
    error: str | None,
    next_attempt_at: datetime,
    keep_message: bool,
    taken_by: Collection[str],
) -> int:
    """They wait for another attempt; `keep_message` where the receiver may have this one."""
    forget = {} if keep_message else {"message_id": None}
    return _settle(
        connection,
        token,
        status="pending",
        last_error=error,
        next_attempt_at=next_attempt_at,
        taken_by=sorted(taken_by),
        **forget,
    )


def _settle(connection: sa.Connection, token: str, **values: Any) -> int:
    settled = connection.execute(
        sa.update(alert_deliveries)
        .where(alert_deliveries.c.claimed_by == token, alert_deliveries.c.status == "sending")
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


def read_state(connection: sa.Connection, channel_name: str) -> ChannelState:
    row = connection.execute(
        sa.select(channel_states).where(channel_states.c.channel_name == channel_name)
    ).first()
    if row is None:
        return ChannelState()
    return ChannelState(row.sent, row.resting_until, row.disabled_at, row.disabled_because)


def write_state(connection: sa.Connection, channel_name: str, state: ChannelState) -> None:
    values = {
        "sent": state.sent,
        "resting_until": state.resting_until,
        "disabled_at": state.disabled_at,
        "disabled_because": state.disabled_because,
    }
    updated = connection.execute(
        sa.update(channel_states)
        .where(channel_states.c.channel_name == channel_name)
        .values(**values)
    )
    if updated.rowcount == 0:
        connection.execute(sa.insert(channel_states).values(channel_name=channel_name, **values))


def resend_dead(
    connection: sa.Connection,
    now: datetime,
    *,
    channel_name: str | None = None,
    alert_ids: Collection[str] = (),
) -> int:
    """Put dead letters back, with all their attempts before them; returns how many.

    Without `alert_ids`, all of the channel's, or of every channel.
    """
    table = alert_deliveries
    update = sa.update(table).where(table.c.status == "dead")
    if channel_name is not None:
        update = update.where(table.c.channel_name == channel_name)
    if alert_ids:
        update = update.where(table.c.alert_id.in_(alert_ids))
    return connection.execute(
        update.values(status="pending", attempts=0, waiting_since=now, next_attempt_at=now)
    ).rowcount


@dataclass(frozen=True)
class ChannelCounts:
    """A channel's deliveries by status, and since when the oldest that waits does."""

    by_status: dict[str, int]
    oldest_waiting: datetime | None

    @property
    def waiting(self) -> int:
        return sum(self.by_status.get(status, 0) for status in WAITING)


def count_by_channel(
    connection: sa.Connection, statuses: Collection[str]
) -> dict[str, ChannelCounts]:
    """Every channel that has a delivery of one of these statuses."""
    table = alert_deliveries
    counts: dict[str, ChannelCounts] = {}
    query = (
        sa.select(
            table.c.channel_name,
            table.c.status,
            sa.func.count().label("count"),
            sa.func.min(table.c.waiting_since).label("oldest"),
        )
        .where(table.c.status.in_(statuses))
        .group_by(table.c.channel_name, table.c.status)
        .order_by(table.c.channel_name)
    )
    for row in connection.execute(query):
        before = counts.get(row.channel_name, ChannelCounts({}, None))
        oldest = before.oldest_waiting
        if row.status in WAITING:
            oldest = min(filter(None, (oldest, row.oldest)))
        by_status = {**before.by_status, row.status: row.count}
        counts[row.channel_name] = ChannelCounts(by_status, oldest)
    return counts


def read_letters(
    connection: sa.Connection,
    statuses: Collection[str],
    *,
    channel_name: str | None = None,
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
        .order_by(table.c.created_at, table.c.alert_id, table.c.channel_name)
        .limit(limit)
    )
    if channel_name is not None:
        query = query.where(table.c.channel_name == channel_name)
    return connection.execute(query).all()
