"""Partitions and pool: the local days on which calls started, and the device that models hold."""

import dagster as dg

from callqa_assets.domain.days import DEFAULT_CALENDAR

# end_offset=1: today exists as a partition while its calls still arrive.
DAYS = dg.DailyPartitionsDefinition(
    start_date=DEFAULT_CALENDAR.first_day, timezone=DEFAULT_CALENDAR.timezone, end_offset=1
)

# A range of days is one run: one process, one load of the models.
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)

GPU_POOL = "gpu"
