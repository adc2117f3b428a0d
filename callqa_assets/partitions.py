"""Partitions and pool: the local days on which calls started, and the device that models hold."""

import dagster as dg

TIMEZONE = "Asia/Shanghai"
FIRST_DAY = "2020-01-01"

# end_offset=1: today exists as a partition while its calls still arrive.
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone=TIMEZONE, end_offset=1)

# A range of days is one run: one process, one load of the models.
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)

GPU_POOL = "gpu"
