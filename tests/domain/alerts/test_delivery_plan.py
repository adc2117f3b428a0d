"""Who is notified of an alert, decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callqa_assets.domain.alerts.delivery_plan import (
    DeliveryPlan,
    EarlierDelivery,
    identify_delivery,
    plan_deliveries,
)
from callqa_assets.domain.rules.engine.evaluate import FiredAlert
from tests.support.notices import fired

NOW = datetime(2025, 3, 14, 9, 30, tzinfo=UTC)
CALL = "c" * 32
OTHER = "d" * 32


def stored(alert: FiredAlert, receiver: str, status: str, because: str | None = None):
    """As read from a database: its words equal ours, but are not the same objects."""
    status, because = "".join([*status]), because and "".join([*because])
    return EarlierDelivery(
        delivery_id=identify_delivery(alert.alert_id, receiver),
        recording_id=alert.recording_id,
        alert_id=alert.alert_id,
        receiver=receiver,
        status=status,  # type: ignore[arg-type]
        suppressed_because=because,  # type: ignore[arg-type]
    )


def plan(
    *alerts: FiredAlert,
    earlier: list[EarlierDelivery] | None = None,
    ended_ago: timedelta = timedelta(0),
    is_backfill: bool = False,
) -> DeliveryPlan:
    return plan_deliveries(
        alerts,
        earlier or [],
        {alert.recording_id: NOW - ended_ago for alert in alerts},
        NOW,
        max_age=timedelta(hours=48),
        is_backfill=is_backfill,
    )


def keys(deliveries) -> list[tuple[str, str]]:
    alert_ids = [getattr(d, "alert_id", None) or d.alert.alert_id for d in deliveries]
    return [(alert_id, d.receiver) for alert_id, d in zip(alert_ids, deliveries, strict=True)]


def test_each_receiver_of_a_rule_gets_one_delivery_however_often_it_is_named():
    alert = fired(CALL, receivers=("mail", "hook", "mail"))
    planned = plan(alert)
    assert keys(planned.created) == [(alert.alert_id, "hook"), (alert.alert_id, "mail")]
    assert [delivery.suppressed_because for delivery in planned.created] == [None, None]
    assert planned.notifying == planned.created
    assert (planned.updated, planned.withdrawn) == ([], [])


@pytest.mark.parametrize(
    "facts", [{"mode": "shadow"}, {"inhibited_by": "another"}, {"receivers": ()}]
)
def test_shadow_inhibited_and_silent_alerts_notify_nobody(facts):
    alert = fired(CALL, **facts)
    planned = plan(alert, earlier=[stored(alert, "hook", "pending")])
    assert (planned.created, planned.updated) == ([], [])
    assert keys(planned.withdrawn) == [(alert.alert_id, "hook")]


@pytest.mark.parametrize(
    ("ended_ago", "is_backfill", "because"),
    [
        (timedelta(hours=48), False, None),
        (timedelta(hours=48, microseconds=1), False, "old"),
        (timedelta(0), True, "backfill"),
        (timedelta(hours=49), True, "backfill"),
    ],
)
@pytest.mark.parametrize("was_withdrawn", [False, True])
def test_old_calls_and_backfills_are_suppressed(ended_ago, is_backfill, because, was_withdrawn):
    alert = fired(CALL)
    earlier = [stored(alert, "hook", "suppressed", "withdrawn")] if was_withdrawn else []
    planned = plan(alert, earlier=earlier, ended_ago=ended_ago, is_backfill=is_backfill)
    (delivery,) = planned.updated if was_withdrawn else planned.created
    assert delivery.suppressed_because == because
    assert not delivery.is_refresh
    assert len(planned.notifying) == (because is None)


@pytest.mark.parametrize(
    ("status", "because"),
    [
        ("sending", None),
        ("delivered", None),
        ("dead", None),
        ("suppressed", "old"),
        ("suppressed", "backfill"),
    ],
)
def test_what_was_settled_is_neither_decided_again_nor_withdrawn(status, because):
    alert = fired(CALL)
    earlier = [stored(alert, "hook", status, because)]
    for planned in (plan(alert, earlier=earlier), plan(earlier=earlier)):
        assert (planned.created, planned.updated, planned.withdrawn) == ([], [], [])


@pytest.mark.parametrize("is_backfill", [False, True])
def test_what_is_pending_is_refreshed_even_by_a_late_backfill(is_backfill):
    alert = fired(CALL)
    earlier = [stored(alert, "hook", "pending")]
    planned = plan(alert, earlier=earlier, ended_ago=timedelta(days=9), is_backfill=is_backfill)
    (delivery,) = planned.updated
    assert delivery.is_refresh
    assert delivery.before == earlier[0]
    assert planned.notifying == [delivery]
    assert (planned.created, planned.withdrawn) == ([], [])


def test_a_pending_delivery_that_is_no_longer_wanted_is_withdrawn():
    gone, alert = fired(OTHER), fired(CALL, receivers=("mail",))
    earlier = [
        stored(gone, "hook", "pending"),
        stored(alert, "hook", "pending"),
        stored(alert, "mail", "pending"),
    ]
    planned = plan(alert, earlier=earlier)
    assert sorted(keys(planned.withdrawn)) == sorted(
        [(gone.alert_id, "hook"), (alert.alert_id, "hook")]
    )
    assert keys(planned.updated) == [(alert.alert_id, "mail")]
    assert planned.notifying == planned.updated


def test_rows_are_written_in_one_order_whatever_the_order_of_calls():
    alerts = [fired(of, n, receivers=("b", "a")) for n in range(5) for of in (OTHER, CALL)]
    pending = [stored(alert, "a", "pending") for alert in alerts]
    withdrawn = [stored(alert, "b", "suppressed", "withdrawn") for alert in alerts]
    for planned in (plan(*alerts), plan(*reversed(alerts))):
        assert keys(planned.created) == sorted(keys(planned.created))
    updated = keys(plan(*alerts, earlier=pending + withdrawn).updated)
    assert updated == sorted(updated)
    assert len(updated) == 20


def test_an_id_is_the_pairs_own():
    ids = {identify_delivery(alert_id, to) for alert_id in ("a", "b") for to in ("x", "y")}
    assert len(ids) == 4
    assert identify_delivery("a" * 32, "hook") == "16283178ed542d4f2311ff36872d2ce0"
