"""The schedules of publication: in the morning what is out of date, later whether it is there."""

from __future__ import annotations

from datetime import UTC

import dagster as dg

from callqa_assets.assets.marts import open_publisher
from callqa_assets.checks.marts import DUE_HOUR
from callqa_assets.domain.days import Calendar
from callqa_assets.jobs import daily_checks, publish_marts
from callqa_assets.stages.planning import group_days, range_tags
from resources.dagster_resources import CustomerKey, HomeResource, WarehouseResource

PUBLISH_HOUR = 6
"""Local hour: the calls of the day before have arrived and are processed."""


def publication_schedules(calendar: Calendar) -> list[dg.ScheduleDefinition]:
    """Both schedules, in the calendar's time zone."""

    @dg.schedule(
        name="publish_marts_schedule",
        job=publish_marts,
        cron_schedule=f"0 {PUBLISH_HOUR} * * *",
        execution_timezone=calendar.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Publishes every day up to yesterday of which a mart is out of date.",
    )
    def publish(
        context: dg.ScheduleEvaluationContext,
        warehouse: dg.ResourceParam[WarehouseResource],
        home: HomeResource,
        customer_key: dg.ResourceParam[CustomerKey],
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = context.scheduled_execution_time.astimezone(UTC)
        today = calendar.day_of(now)
        stale = open_publisher(warehouse, home, customer_key).find_stale(now)
        groups = group_days(day for day in stale if day < today)
        if not groups:
            return dg.SkipReason("every day is published as it is")
        return [
            dg.RunRequest(
                run_key=f"{days[0]}..{days[-1]}:{now:%Y-%m-%d}", tags=range_tags(days[0], days[-1])
            )
            for days in groups
        ]

    check = dg.ScheduleDefinition(
        name="daily_checks_schedule",
        job=daily_checks,
        cron_schedule=f"0 {DUE_HOUR} * * *",
        execution_timezone=calendar.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Checks that yesterday's calls are published, and the search index.",
    )
    return [publish, check]
