"""Checks on the delivery of alerts: on the outbox as it is now, not on the run's days."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from callqa_assets.warehouse.deliveries import WAITING
from callqa_assets.warehouse.delivery_reports import count_by_receiver, count_dead_since
from callqa_assets.warehouse.receiver_states import read_states
from resources.dagster_resources import NotifierResource, WarehouseResource
from resources.notifier.receiver import ReceiverUnusableError
from resources.notifier.receiver_config import ChannelsError

ASSET = "alerts"
_DEAD_COUNT_FOR = timedelta(days=7)
"""Older dead letters no longer warn; `callqa alerts dead` still lists them."""


@dg.asset_check(asset=ASSET, description="No alert has been waiting for delivery too long.")
def deliveries_are_recent(
    warehouse: dg.ResourceParam[WarehouseResource], notifier: dg.ResourceParam[NotifierResource]
) -> dg.AssetCheckResult:
    try:
        settings = notifier.open().settings
    except ChannelsError as error:
        return _warn({"channels file": str(error)})
    oldest_allowed = datetime.now(UTC) - timedelta(minutes=settings.undelivered_warn_after_min)
    with warehouse.open().read() as connection:
        counts = count_by_receiver(connection, WAITING)
    return _warn(
        {
            receiver: f"{count.waiting} wait, since {count.oldest_waiting:%Y-%m-%d %H:%M} UTC"
            for receiver, count in counts.items()
            if count.oldest_waiting is not None and count.oldest_waiting < oldest_allowed
        }
    )


@dg.asset_check(
    asset=ASSET,
    description="Receivers with waiting alerts are configured and enabled; no dead letters.",
)
def receivers_are_healthy(
    warehouse: dg.ResourceParam[WarehouseResource], notifier: dg.ResourceParam[NotifierResource]
) -> dg.AssetCheckResult:
    try:
        opened = notifier.open()
    except ChannelsError as error:
        return _warn({"channels file": str(error)})
    with warehouse.open().read() as connection:
        waiting = count_by_receiver(connection, WAITING)
        dead = count_dead_since(connection, datetime.now(UTC) - _DEAD_COUNT_FOR)
        states = read_states(connection)
    findings: dict[str, list[str]] = {}
    for receiver in waiting:
        try:
            opened.open(receiver)
        except ReceiverUnusableError as error:
            findings.setdefault(receiver, []).append(str(error))
    for receiver, state in states.items():
        if state.disabled_at is not None:
            words = f"disabled: {state.disabled_because}; see `callqa alerts enable`"
            findings.setdefault(receiver, []).append(words)
    for receiver, count in dead.items():
        findings.setdefault(receiver, []).append(f"{count} dead letters; see `callqa alerts dead`")
    return _warn({receiver: "; ".join(words) for receiver, words in findings.items()})


def _warn(findings: dict[str, str]) -> dg.AssetCheckResult:
    metadata = dict(sorted(findings.items()))
    return dg.AssetCheckResult(
        passed=not findings, severity=dg.AssetCheckSeverity.WARN, metadata=metadata
    )


CHECKS = [deliveries_are_recent, receivers_are_healthy]
