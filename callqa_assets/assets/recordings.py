"""Asset `raw_recordings`: the day's files, archived from the drop folder."""

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.daily_asset import DailyAsset, days_of, tag_process
from callqa_assets.assets.finished_days import note_generations
from callqa_assets.assets.stage_asset import RAW_RECORDINGS
from callqa_assets.ingestion.archiving import ingest_day
from callqa_assets.stages.contract import Progress
from callqa_assets.warehouse import tables
from resources.dagster_resources import DropFolderResource, HomeResource, WarehouseResource

CODE_VERSION = "1"

PROBLEMS = "problems"
"""Metadata of a day: files that could not be read or archived now, one a line."""


def _ingest(
    context: dg.AssetExecutionContext,
    home: HomeResource,
    warehouse: dg.ResourceParam[WarehouseResource],
    drop_folder: DropFolderResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    days = days_of(context)
    tag_process(context)
    opened = warehouse.open()
    note_generations(context, opened, days)
    for day in days:
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
                **({PROBLEMS: "\n".join(report.problems)} if report.problems else {}),
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


raw_recordings = DailyAsset(
    name=RAW_RECORDINGS,
    description="Every file that arrived for the day: archived with its call's facts, or "
    "quarantined with the reason.",
    compute=_ingest,
    tables=(tables.recordings,),
    group="intake",
    kinds={"file", "sql"},
    code_version=CODE_VERSION,
)
