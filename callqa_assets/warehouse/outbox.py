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

from callqa_assets.domain.alerting import FiredAlert
from callqa_assets.domain.digest import digest
from callqa_assets.domain.notice import Felt, Notice, write_notice
from callqa_assets.domain.recording import Recording
from callqa_assets.partitions import TIMEZONE
from callqa_assets.warehouse.recordings import read_recording, recording_from_row
from callqa_assets.warehouse.tables import alert_deliveries, emotion_spans, stage_runs


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
        """One delivery for each alert and channel of its rule, in the caller's transaction.

        None for shadow alerts, and for those that another alert of the call inhibits.

        `fired` are alerts under their final ids, with their evidence, already stored. A delivery
        that exists stays, whatever became of it: an alert that moves tells nobody again. One that
        still waits tells of the alert as it is now; one that was suppressed because its alert had
        gone is decided anew, as it was never sent.
        """
        wanted = [
            (alert, evidence)
            for alert, evidence in fired
            if alert.mode == "live" and alert.inhibited_by is None and alert.notify_channels
        ]
        if not wanted:
            return
        row = read_recording(connection, recording_id)
        if row is None:
            raise LookupError(f"no recording {recording_id}")
        recording = recording_from_row(row)
        because = self._suppress_because(recording, now)
        earlier = _read_of_recording(connection, recording_id)
        writer = _NoticeWriter(connection, recording)
        new: list[dict[str, Any]] = []
        for alert, evidence in sorted(wanted, key=lambda pair: pair[0].alert_id):
            for channel_name in dict.fromkeys(alert.notify_channels):
                before = earlier.get((alert.alert_id, channel_name))
                if before is None or before.suppressed_because == "withdrawn":
                    values = {
                        "status": "pending" if because is None else "suppressed",
                        "suppressed_because": because,
                        "payload": writer.write(alert, evidence) if because is None else None,
                        "next_attempt_at": now if because is None else None,
                        "waiting_since": now,
                        "message_id": None,
                        "taken_by": [],
                    }
                elif before.status == "pending":
                    values = {"payload": writer.write(alert, evidence)}
                else:
                    continue
                if before is None:
                    key = {"alert_id": alert.alert_id, "channel_name": channel_name}
                    delivery_id = digest("delivery", *key.values())[:32]
                    new.append({**key, "delivery_id": delivery_id, **values})
                else:
                    connection.execute(
                        sa.update(alert_deliveries)
                        .where(alert_deliveries.c.delivery_id == before.delivery_id)
                        .values(**values)
                    )
        if new:
            shared = {"recording_id": recording_id, "day": day, "created_at": now}
            connection.execute(sa.insert(alert_deliveries), [{**row, **shared} for row in new])

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
