"""Putting deliveries into the outbox: who is to be told of which alert, in its own transaction.

What becomes of them afterwards is `deliveries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from callqa_assets.domain.alerts.notice import Notice, SpanNotice, write_notice
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.days import DEFAULT_CALENDAR, Calendar
from callqa_assets.domain.digest import digest
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
    """Decides, when an alert is stored, whether anybody is to be told."""

    deliver_max_age: timedelta = timedelta(hours=48)
    is_backfill: bool = False
    """Whether the run fills in days at somebody's request: then nobody is told."""
    calendar: Calendar = DEFAULT_CALENDAR

    def write(
        self,
        connection: sa.Connection,
        days: Mapping[str, str],
        fired: Mapping[str, Sequence[tuple[FiredAlert, Mapping[str, Any]]]],
        now: datetime,
    ) -> None:
        """One delivery for each alert and channel of its rule, in the caller's transaction.

        None for shadow alerts, and for those that another alert of the call inhibits.

        `days` and `fired` are by recording; alerts come under their final ids, with their
        evidence, already stored. A delivery that exists stays, whatever became of it: an alert
        that moves tells nobody again. One that still waits tells of the alert as it is now, or is
        withdrawn where the rule names its channel no more, unless its message may have arrived;
        one that was withdrawn is decided anew, as nobody is known to have it.
        """
        wanted = [
            (alert, evidence, receiver)
            for alerts in fired.values()
            for alert, evidence in alerts
            if alert.mode == "live" and alert.inhibited_by is None
            for receiver in dict.fromkeys(alert.notify_channels)
        ]
        earlier = _read_deliveries(connection, list(fired))
        keys = {(alert.alert_id, receiver) for alert, _, receiver in wanted}
        _withdraw(connection, [row for key, row in earlier.items() if key not in keys])
        if not wanted:
            return
        concerned = sorted({alert.recording_id for alert, _, _ in wanted})
        calls = _read_recordings(connection, concerned)
        because = {of: self._suppress_because(calls[of], now) for of in concerned}
        told = {of for of in concerned if because[of] is None}
        told |= {row.recording_id for row in earlier.values() if row.status == "pending"}
        notices = _NoticeWriter(connection, [calls[of] for of in sorted(told)], self.calendar.zone)
        new: list[dict[str, Any]] = []
        # In one order, so that two writers do not wait for each other.
        for alert, evidence, receiver in sorted(wanted, key=lambda w: (w[0].alert_id, w[2])):
            before = earlier.get((alert.alert_id, receiver))
            reason = because[alert.recording_id]
            if before is None or before.suppressed_because == "withdrawn":
                values = {
                    "status": "pending" if reason is None else "suppressed",
                    "suppressed_because": reason,
                    "payload": notices.write(alert, evidence) if reason is None else None,
                    "next_attempt_at": now if reason is None else None,
                    "waiting_since": now,
                    "message_id": None,
                    "accepted_by": [],
                }
            elif before.status == "pending":
                values = {"payload": notices.write(alert, evidence)}
            else:
                continue
            if before is None:
                key = {"alert_id": alert.alert_id, "receiver": receiver}
                values |= {
                    **key,
                    "delivery_id": digest("delivery", *key.values())[:32],
                    "recording_id": alert.recording_id,
                    "day": days[alert.recording_id],
                    "created_at": now,
                }
                new.append(values)
            else:
                update = sa.update(alert_deliveries).where(
                    alert_deliveries.c.delivery_id == before.delivery_id,
                    alert_deliveries.c.status == before.status,  # draining may have taken it since
                )
                if before.status == "pending":
                    update = update.where(alert_deliveries.c.message_id.is_(None))
                connection.execute(update.values(**values))
        if new:
            connection.execute(sa.insert(alert_deliveries), new)

    def _suppress_because(self, recording: Recording, now: datetime) -> str | None:
        if self.is_backfill:
            return "backfill"
        ended_at = recording.started_at + timedelta(seconds=recording.duration_s)
        return "old" if now - ended_at > self.deliver_max_age else None


class _NoticeWriter:
    """Notices of a batch's alerts; what they tell besides the alert is read at once."""

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


def _withdraw(connection: sa.Connection, unwanted: Sequence[sa.Row[Any]]) -> None:
    """Suppress those that wait and of which no receiver may have heard."""
    table = alert_deliveries
    for ids in chunks([row.delivery_id for row in unwanted if row.status == "pending"]):
        connection.execute(
            sa.update(table)
            .where(
                table.c.delivery_id.in_(ids),
                table.c.status == "pending",
                table.c.message_id.is_(None),
            )
            .values(status="suppressed", suppressed_because="withdrawn", next_attempt_at=None)
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
) -> dict[tuple[str, str], sa.Row[Any]]:
    table = alert_deliveries
    found: dict[tuple[str, str], sa.Row[Any]] = {}
    for ids in chunks(recording_ids):
        query = sa.select(
            table.c.recording_id,
            table.c.alert_id,
            table.c.receiver,
            table.c.delivery_id,
            table.c.status,
            table.c.suppressed_because,
        ).where(table.c.recording_id.in_(ids))
        found |= {(row.alert_id, row.receiver): row for row in connection.execute(query)}
    return found
