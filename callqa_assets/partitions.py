"""Daily partitions, by the local day on which a call started; and the pool for the accelerator."""

import dagster as dg

from callqa_assets.domain.days import Calendar

# A range of days is one run: one process, one load of the models.
# Dagster's commands take `--partition-range` only with this policy.
BACKFILL = dg.BackfillPolicy.single_run()

GPU_POOL = "gpu"


def daily_partitions(calendar: Calendar) -> dg.DailyPartitionsDefinition:
    """The days of a home."""
    return dg.DailyPartitionsDefinition(
        start_date=calendar.first_day,
        timezone=calendar.timezone,
        end_offset=1,  # today exists as a partition while its calls still arrive
    )
