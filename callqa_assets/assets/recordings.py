"""Asset `raw_recordings`: the day's files taken from the drop folder into the archive."""

import json

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.stage_asset import daily_asset, tag_process
from callqa_assets.ingestion.archiving import ingest_day
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.planning import GENERATIONS_TAG
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dirty_days import day_is_settled, mark_done, read_generation
from resources.dagster_resources import DropFolderResource, HomeResource, WarehouseResource

CODE_VERSION = "1"


@daily_asset(
    tables=["recordings"],
    group="intake",
    kinds={"file", "sql"},
    code_version=CODE_VERSION,
)
def raw_recordings(
    context: dg.AssetExecutionContext,
    home: HomeResource,
    warehouse: WarehouseResource,
    drop_folder: DropFolderResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """Every file that arrived for the day: archived with its call's facts, or quarantined."""
    tag_process(context)
    opened = warehouse.open()
    with opened.read() as connection:
        generations = {day: read_generation(connection, day) for day in context.partition_keys}
    context.instance.add_run_tags(context.run.run_id, {GENERATIONS_TAG: json.dumps(generations)})
    for day in context.partition_keys:
        report = ingest_day(
            opened,
            home.open(),
            day,
            run_id=context.run.run_id,
            copy=drop_folder.copy_files,
            progress=progress,
        )
        for problem in report.problems:
            context.log.warning("%s: %s", day, problem)
        with opened.read() as connection:
            counts = _count_by_status(connection, day)
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": sum(n for n, _ in counts.values()),
                "ingested_now": report.ingested,
                "audio_hours": round(counts.get("ok", (0, 0.0))[1] / 3600, 4),
                **{status: counts.get(status, (0, 0.0))[0] for status in _STATUSES},
                "not_readable_yet": len(report.problems),
            },
            partition_key=day,
        )


_STATUSES = ("ok", "quarantined", "duplicate")


def _count_by_status(connection: sa.Connection, day: str) -> dict[str, tuple[int, float]]:
    """Status to (recordings, seconds of audio)."""
    recordings = tables.recordings
    query = (
        sa.select(recordings.c.status, sa.func.count(), sa.func.sum(recordings.c.duration_s))
        .where(recordings.c.day == day)
        .group_by(recordings.c.status)
    )
    return {status: (count, seconds) for status, count, seconds in connection.execute(query)}


def finish_day(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
    """At the end of a run over all stages: its days are clean, unless more arrived meanwhile.

    A day on which another run still works stays dirty; the sensor looks at it again.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    generations = json.loads(run.tags.get(GENERATIONS_TAG, "{}")) if run else {}
    for day in context.partition_keys:
        if day in generations:
            with warehouse.write() as connection:
                if day_is_settled(connection, day):
                    mark_done(connection, day, generations[day])
