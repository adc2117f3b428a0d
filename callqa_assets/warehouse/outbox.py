"""The transactional outbox: deliveries are stored with their alerts, or with the day whose spikes
they tell of, in one transaction.

`domain.alerts.delivery_plan` decides which; `deliveries` records what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from callqa_assets.domain.alerts.delivery_plan import (
    DeliveryPlan,
    EarlierDelivery,
    PlannedDelivery,
    Suppression,
    plan_deliveries,
)
from callqa_assets.domain.alerts.notice import Notice, SpanNotice, write_notice
from callqa_assets.domain.alerts.spike_notice import SpikeNotice, spike_delivery_id
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.days import DEFAULT_CALENDAR, Calendar, date_key, shift_day
from callqa_assets.domain.rules.engine.evaluate import FiredAlert
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.recordings import recording_from_row
from callqa_assets.warehouse.tables import (
    alert_deliveries,
    emotion_spans,
    recordings,
    stage_runs,
)


@dataclass(frozen=True)
class Outbox:
    """Writes deliveries in the transaction of what they tell of."""

    deliver_max_age: timedelta = timedelta(hours=48)
    is_backfill: bool = False
    """Whether the run is part of a backfill, of which nobody is notified."""
    calendar: Calendar = DEFAULT_CALENDAR

    def write(
        self,
        connection: sa.Connection,
        days: Mapping[str, str],
        fired: Mapping[str, Sequence[tuple[FiredAlert, Mapping[str, Any]]]],
        now: datetime,
    ) -> None:
        """Create, update and withdraw deliveries in the caller's transaction.

        `days` and `fired` are by recording; alerts come under their final ids, with their
        evidence, already stored. A message that its receiver may have is left as it is.
        """
        calls = _read_recordings(connection, sorted(key for key, found in fired.items() if found))
        plan = plan_deliveries(
            [alert for found in fired.values() for alert, _ in found],
            _read_deliveries(connection, list(fired)),
            {
                recording_id: call.started_at + timedelta(seconds=call.duration_s)
                for recording_id, call in calls.items()
            },
            now,
            max_age=self.deliver_max_age,
            is_backfill=self.is_backfill,
        )
        evidence = {alert.alert_id: own for found in fired.values() for alert, own in found}
        notified = sorted({delivery.alert.recording_id for delivery in plan.notifying})
        writer = _NoticeWriter(connection, [calls[key] for key in notified], self.calendar.zone)
        notices = {
            delivery.delivery_id: writer.write(delivery.alert, evidence[delivery.alert.alert_id])
            for delivery in plan.notifying
        }
        _store(connection, plan, notices, days, now)

    def write_spikes(
        self,
        connection: sa.Connection,
        day: str,
        found: Iterable[tuple[SpikeNotice, Sequence[str]]],
        *,
        run_id: str,
        now: datetime,
    ) -> None:
        """Make these the spikes of the day that receivers are told of, in the caller's transaction.

        Who was told once of a day's topic is not told again, whatever its figures become. What no
        receiver can have yet is brought up to date, or withdrawn.
        """
        table = alert_deliveries
        own = sa.select(table).where(table.c.spike_date_key == date_key(day))
        stored = {row.delivery_id: row for row in connection.execute(own)}
        wanted = {
            spike_delivery_id(day, notice["topic"], receiver): (notice, receiver)
            for notice, receivers in found
            for receiver in receivers
        }
        _withdraw(connection, sorted(stored.keys() - wanted.keys()))
        because: Suppression | None = "backfill" if self.is_backfill else None
        if self._is_old(day, now):
            because = "old"
        for delivery_id, (notice, receiver) in sorted(wanted.items()):
            payload: SpikeNotice = {**notice, "run_id": run_id}
            before = stored.get(delivery_id)
            own_row = sa.update(table).where(table.c.delivery_id == delivery_id)
            if before is None:
                connection.execute(
                    sa.insert(table).values(
                        delivery_id=delivery_id,
                        spike_date_key=date_key(day),
                        topic=notice["topic"],
                        receiver=receiver,
                        day=day,
                        created_at=now,
                        **_initial_state(because, payload, now),
                    )
                )
            elif before.status == "pending":
                connection.execute(_unsent(own_row).values(payload=payload))
            elif before.suppressed_because == "withdrawn":
                connection.execute(own_row.values(_initial_state(because, payload, now)))

    def _is_old(self, day: str, now: datetime) -> bool:
        """Whether the day ended too long ago for anybody to be told of it."""
        return now - self.calendar.begin_of(shift_day(day, 1)) > self.deliver_max_age


class _NoticeWriter:
    """Notices of a batch's alerts; runs and emotion spans are read once for all of them."""

    def __init__(
        self, connection: sa.Connection, recordings: Sequence[Recording], zone: ZoneInfo
    ) -> None:
        self._zone = zone
        self._recordings = {recording.recording_id: recording for recording in recordings}
        self._run_ids: dict[str, str] = {}
        self._spans: dict[tuple[str, int], list[SpanNotice]] = {}
        for ids in chunks(list(self._recordings)):
            runs = sa.select(stage_runs.c.recording_id, stage_runs.c.run_id).where(
                stage_runs.c.recording_id.in_(ids), stage_runs.c.stage == "alerts"
            )
            self._run_ids |= {row.recording_id: row.run_id for row in connection.execute(runs)}
            spans = sa.select(emotion_spans).where(emotion_spans.c.recording_id.in_(ids))
            for row in connection.execute(spans.order_by(emotion_spans.c.start_s)):
                self._spans.setdefault((row.recording_id, row.channel), []).append(
                    {
                        "start_s": row.start_s,
                        "end_s": row.end_s,
                        "emotion": row.emotion,
                        "confidence": row.confidence,
                    }
                )

    def write(self, alert: FiredAlert, evidence: Mapping[str, Any]) -> Notice:
        return write_notice(
            self._recordings[alert.recording_id],
            alert,
            spans=self._spans.get((alert.recording_id, alert.channel), []),
            said=evidence.get("said", []),
            run_id=self._run_ids.get(alert.recording_id),
            timezone=self._zone,
        )


def _store(
    connection: sa.Connection,
    plan: DeliveryPlan,
    notices: Mapping[str, Notice],
    days: Mapping[str, str],
    now: datetime,
) -> None:
    """Store a plan; `notices` are by delivery. Deliveries claimed meanwhile stay as they are.

    Rows are written in the plan's order, so that two writers cannot deadlock.
    """
    _withdraw(connection, [delivery.delivery_id for delivery in plan.withdrawn])
    for delivery in plan.updated:
        _update(connection, delivery, notices.get(delivery.delivery_id), now)
    new = [
        {
            "alert_id": delivery.alert.alert_id,
            "receiver": delivery.receiver,
            "delivery_id": delivery.delivery_id,
            "recording_id": delivery.alert.recording_id,
            "day": days[delivery.alert.recording_id],
            "created_at": now,
            **_initial_state(delivery.suppressed_because, notices.get(delivery.delivery_id), now),
        }
        for delivery in plan.created
    ]
    if new:
        connection.execute(sa.insert(alert_deliveries), new)


def _update(
    connection: sa.Connection, delivery: PlannedDelivery, notice: Notice | None, now: datetime
) -> None:
    table = alert_deliveries
    update = sa.update(table).where(table.c.delivery_id == delivery.delivery_id)
    if delivery.is_refresh:
        update = _unsent(update).values(payload=notice)
    else:
        update = update.where(
            table.c.status == "suppressed", table.c.suppressed_because == "withdrawn"
        ).values(_initial_state(delivery.suppressed_because, notice, now))
    connection.execute(update)


def _initial_state(
    because: Suppression | None, notice: Notice | SpikeNotice | None, now: datetime
) -> dict[str, Any]:
    """`because`: why nobody is notified; None: the receiver is."""
    is_suppressed = because is not None
    return {
        "status": "suppressed" if is_suppressed else "pending",
        "suppressed_because": because,
        "payload": notice,
        "next_attempt_at": None if is_suppressed else now,
        "waiting_since": now,
        "message_id": None,
        "accepted_by": [],
    }


def _withdraw(connection: sa.Connection, unwanted: Sequence[str]) -> None:
    table = alert_deliveries
    for ids in chunks(unwanted):
        connection.execute(
            _unsent(sa.update(table).where(table.c.delivery_id.in_(ids))).values(
                status="suppressed", suppressed_because="withdrawn", next_attempt_at=None
            )
        )


def _unsent(update: sa.Update) -> sa.Update:
    """Restrict an update to deliveries that no receiver can have yet."""
    return update.where(
        alert_deliveries.c.status == "pending", alert_deliveries.c.message_id.is_(None)
    )


def _read_recordings(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> dict[str, Recording]:
    found: dict[str, Recording] = {}
    for ids in chunks(recording_ids):
        query = sa.select(recordings).where(recordings.c.recording_id.in_(ids))
        found |= {row.recording_id: recording_from_row(row) for row in connection.execute(query)}
    return found


def _read_deliveries(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> list[EarlierDelivery]:
    columns = [alert_deliveries.c[field.name] for field in fields(EarlierDelivery)]
    found: list[EarlierDelivery] = []
    for ids in chunks(recording_ids):
        query = sa.select(*columns).where(alert_deliveries.c.recording_id.in_(ids))
        found += [EarlierDelivery(**row) for row in connection.execute(query).mappings()]
    return found
