"""Alerts and notices for tests of delivery, without a call behind them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.alerts.notice import SAMPLE_NOTICE, Notice
from callqa_assets.domain.digest import digest
from callqa_assets.domain.rules.engine.evaluate import FiredAlert
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.alerts import AlertRow, read_stored_alerts, upsert_alerts
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.outbox import Outbox


def notice(**facts: Any) -> Notice:
    """The sample's facts with some changed."""
    return {**SAMPLE_NOTICE, **facts}  # type: ignore[typeddict-item]


def fired(
    recording_id: str,
    number: int = 0,
    *,
    receivers: Sequence[str] = ("hook",),
    priority: str = "high",
    **facts: Any,
) -> FiredAlert:
    """An alert of one recording; `number` distinguishes it from others."""
    values: dict[str, Any] = {
        "alert_id": digest(recording_id, number)[:32],
        "recording_id": recording_id,
        "channel": 0,
        "role": "customer",
        "rule": f"rule {number}",
        "rule_hash": "0" * 64,
        "priority": priority,
        "notify_channels": tuple(receivers),
        "started_s": 1.0,
        "ended_s": 3.0,
        "fired_at_s": 2.0,
        "peak": 0.9,
        "mode": "live",
        "needs_review": False,
        "evidence": {"said": [{"channel": 0, "start_s": 1.0, "end_s": 2.0, "text": "退费"}]},
    }
    return FiredAlert(**{**values, **facts})


def store_recording(
    warehouse: Warehouse, *, ended_at: datetime | None = None, number: int = 0, **facts: Any
) -> str:
    """A good recording of one customer channel that ended just now, or at `ended_at`."""
    recording_id = digest("recording", number)[:32]
    started_at = (ended_at or datetime.now(UTC)) - timedelta(seconds=60)
    values: dict[str, Any] = {
        "recording_id": recording_id,
        "content_sha256": digest(number),
        "source_name": f"{number}.wav",
        "day": f"{started_at:%Y-%m-%d}",
        "started_at": started_at,
        "time_source": "sidecar",
        "agent_id": "1001",
        "channels": 1,
        "channel_roles": ["customer"],
        "sample_rate": 8000,
        "duration_s": 60.0,
        "size_bytes": 1,
        "archive_path": f"archive/00/{recording_id}.wav",
        "metadata": {},
        "metadata_version": "0",
        "status": "ok",
        "ingested_at": datetime.now(UTC),
        "run_id": "run",
    }
    with warehouse.write() as connection:
        connection.execute(sa.insert(tables.recordings).values(**{**values, **facts}))
    return recording_id


def store_alerts(
    warehouse: Warehouse,
    recording_id: str,
    alerts: Sequence[FiredAlert],
    *,
    outbox: Outbox = Outbox(),  # noqa: B008 - immutable
    now: datetime | None = None,
) -> None:
    """Store alerts as a run of the asset does, deliveries included."""
    now = now or datetime.now(UTC)
    day = f"{now:%Y-%m-%d}"
    rows = [AlertRow(alert, day, alert.evidence) for alert in alerts]
    with warehouse.write() as connection:
        stored = {s.alert_id for s in read_stored_alerts(connection, [recording_id])[recording_id]}
        upsert_alerts(connection, rows, stored - {a.alert_id for a in alerts}, stored, now)
        batch = {recording_id: [(a, a.evidence) for a in alerts]}
        outbox.write(connection, {recording_id: day}, batch, now)
