"""Delivery on PostgreSQL, where two may write at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from callqa_assets.alerting.delivery import drain
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.outbox import Outbox
from tests.support.notices import fired, store_alerts, store_recording
from tests.support.receivers import HttpReceiver

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest.mark.parametrize("message_id", [None, "a" * 32])
@pytest.mark.parametrize("is_configured", [True, False])
def test_draining_never_waits_for_a_writer_of_alerts(
    warehouse, start, notifier_of, message_id, is_configured
):
    """Each would hold what the other needs next."""
    receiver = start(HttpReceiver("webhook"))
    notifier = notifier_of(receiver)
    if not is_configured:
        notifier.environment.clear()
    now = datetime.now(UTC)
    ids = [store_recording(warehouse, number=n) for n in range(2)]
    alerts = sorted((fired(i, receivers=["webhook"]) for i in ids), key=lambda a: a.alert_id)
    for alert in alerts:
        store_alerts(warehouse, alert.recording_id, [alert])
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.alert_deliveries).values(message_id=message_id))
    with ThreadPoolExecutor(1) as threads:
        with warehouse.write() as connection:
            for alert in alerts:
                batch = {alert.recording_id: [(alert, alert.evidence)]}
                Outbox().write(connection, {alert.recording_id: f"{now:%Y-%m-%d}"}, batch, now)
                draining = threads.submit(drain, warehouse, notifier, budget=timedelta(seconds=1))
                draining.result(timeout=20)
        drain(warehouse, notifier, budget=timedelta(seconds=5))
    with warehouse.read() as connection:
        statuses = connection.execute(sa.select(tables.alert_deliveries.c.status)).scalars().all()
    assert statuses == ["delivered" if is_configured else "pending"] * 2
