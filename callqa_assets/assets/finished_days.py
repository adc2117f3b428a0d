"""When a day is done: a run notes first what had arrived, and its last stage marks it done."""

import json
from collections.abc import Sequence

import dagster as dg

from callqa_assets.stages.planning import GENERATIONS_TAG
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dirty_days import day_is_settled, mark_done, read_generation


def note_generations(
    context: dg.AssetExecutionContext, warehouse: Warehouse, days: Sequence[str]
) -> None:
    """Record in the run's tags up to which arrival (generation) it covers each of its days."""
    with warehouse.read() as connection:
        generations = {day: read_generation(connection, day) for day in days}
    context.instance.add_run_tags(context.run.run_id, {GENERATIONS_TAG: json.dumps(generations)})


def finish_days(
    context: dg.AssetExecutionContext, warehouse: Warehouse, days: Sequence[str]
) -> None:
    """Mark the run's days done where every stage is finished, unless more arrived meanwhile.

    A day on which another run still works stays dirty, so that the sensor requests it again.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    generations = json.loads(run.tags.get(GENERATIONS_TAG, "{}")) if run else {}
    for day in days:
        if day in generations:
            with warehouse.write() as connection:
                if day_is_settled(connection, day, STAGE_NAMES):
                    mark_done(connection, day, generations[day])
