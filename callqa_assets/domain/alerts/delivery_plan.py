"""Which deliveries an evaluation of the rules creates, updates and withdraws.

Decided from the alerts, the deliveries of earlier evaluations, and when each call ended. What the
messages contain is in `notice`; how the plan is stored, in `warehouse.outbox`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from callqa_assets.domain.digest import digest
from callqa_assets.domain.rules.engine.evaluate import FiredAlert

DeliveryStatus = Literal["pending", "sending", "delivered", "suppressed", "dead"]
Suppression = Literal["old", "backfill", "withdrawn"]


@dataclass(frozen=True)
class EarlierDelivery:
    """A stored delivery, as the last evaluation or draining left it."""

    delivery_id: str
    recording_id: str
    alert_id: str
    receiver: str
    status: DeliveryStatus
    suppressed_because: Suppression | None


@dataclass(frozen=True)
class PlannedDelivery:
    """What becomes of one alert for one receiver."""

    delivery_id: str
    alert: FiredAlert
    receiver: str
    before: EarlierDelivery | None
    suppressed_because: Suppression | None
    """None where the receiver is to be notified."""

    @property
    def is_refresh(self) -> bool:
        """Whether it waits already, and only has to describe the alert as it is now."""
        return self.before is not None and self.before.status == "pending"


@dataclass(frozen=True)
class DeliveryPlan:
    """Each list is in the order of alert and receiver."""

    created: Sequence[PlannedDelivery]
    """No row exists yet."""
    updated: Sequence[PlannedDelivery]
    """Pending ones, and withdrawn ones, planned again: no receiver is known to have them."""
    withdrawn: Sequence[EarlierDelivery]
    """Pending, and no longer wanted."""

    @property
    def notifying(self) -> list[PlannedDelivery]:
        """Those that need a notice."""
        planned = (*self.created, *self.updated)
        return [delivery for delivery in planned if delivery.suppressed_because is None]


def plan_deliveries(
    alerts: Iterable[FiredAlert],
    earlier: Iterable[EarlierDelivery],
    ended_at: Mapping[str, datetime],
    now: datetime,
    *,
    max_age: timedelta,
    is_backfill: bool,
) -> DeliveryPlan:
    """One delivery for each live, uninhibited alert and receiver of its rule.

    A delivery is created once, whatever became of it: an alert that moves notifies nobody again.

    Args:
        alerts: all that fired on the recordings in question, under their final ids.
        earlier: every stored delivery of these recordings.
        ended_at: recording id to the end of its call, for each recording with alerts.
        now: when the alerts are stored.
        max_age: nobody is notified of calls that ended longer ago.
        is_backfill: whether the run fills in days on request: then nobody is notified.
    """
    wanted = {
        (alert.alert_id, receiver): alert
        for alert in alerts
        if alert.mode == "live" and alert.inhibited_by is None
        for receiver in alert.notify_channels
    }
    stored = {(delivery.alert_id, delivery.receiver): delivery for delivery in earlier}
    planned: list[PlannedDelivery] = []
    for (alert_id, receiver), alert in sorted(wanted.items(), key=lambda item: item[0]):
        before = stored.get((alert_id, receiver))
        suppressed_because: Suppression | None = None
        if before is None or before.suppressed_because == "withdrawn":
            if is_backfill:
                suppressed_because = "backfill"
            elif now - ended_at[alert.recording_id] > max_age:
                suppressed_because = "old"
        elif before.status != "pending":
            continue
        planned.append(
            PlannedDelivery(
                delivery_id=identify_delivery(alert_id, receiver),
                alert=alert,
                receiver=receiver,
                before=before,
                suppressed_because=suppressed_because,
            )
        )
    return DeliveryPlan(
        created=[delivery for delivery in planned if delivery.before is None],
        updated=[delivery for delivery in planned if delivery.before is not None],
        withdrawn=[
            delivery
            for key, delivery in sorted(stored.items())
            if key not in wanted and delivery.status == "pending"
        ],
    )


def identify_delivery(alert_id: str, receiver: str) -> str:
    """The id under which the receiver knows a delivery: the same for the same pair."""
    return digest("delivery", alert_id, receiver)[:32]
