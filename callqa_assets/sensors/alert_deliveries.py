"""The sensor that drains the outbox. It requests no runs, so a failing receiver fails nothing."""

from datetime import timedelta

import dagster as dg

from callqa_assets.alerting.delivery import drain
from resources.dagster_resources import NotifierResource, WarehouseResource

INTERVAL_S = 30
BUDGET = timedelta(seconds=15)
"""A tick may take 60 s in all, and an attempt begun within the budget is finished."""


@dg.sensor(
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Delivers alerts to the receivers of their rules, and retries what failed.",
)
def alert_deliveries_sensor(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[WarehouseResource],
    notifier: dg.ResourceParam[NotifierResource],
) -> dg.SkipReason:
    report = drain(warehouse.open(), notifier.open(), budget=BUDGET)
    return dg.SkipReason(str(report))
