"""Asset `emotion_scores`: how it was said, by segment and over time."""

import base64
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.plots import emotion_day_plot
from callqa_assets.assets.stage_asset import (
    StageConfig,
    daily_asset,
    materialize_stage,
)
from callqa_assets.partitions import GPU_POOL
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.emotions import CODE_VERSION, INPUTS, emotions_stage
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import named_artifacts
from callqa_assets.warehouse.results import (
    named_embeddings,
    read_emotion_hours,
)
from resources.dagster_resources import HomeResource, SpeechModelsResource, WarehouseResource
from resources.storage.lake import EmotionLake


@daily_asset(
    tables=["emotion_scores", "emotion_spans"],
    group="speech",
    kinds={"python", "parquet", "sql"},
    code_version=CODE_VERSION,
    deps=["vad_segments"],
    pool=GPU_POOL,
)
def emotion_scores(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: WarehouseResource,
    speech_models: SpeechModelsResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """Nine emotions by segment and over time: scores, timeline, windowed track (Parquet)."""
    opened, lake = warehouse.open(), EmotionLake(home.open())

    def describe(connection: sa.Connection, day: str) -> dict[str, Any]:
        hours = read_emotion_hours(connection, day, home.open().calendar.timezone)
        plot = base64.b64encode(emotion_day_plot(hours, date.fromisoformat(day))).decode()
        return {
            "emotions_of_the_day": dg.MetadataValue.md(
                f"![emotions of {day}](data:image/png;base64,{plot})"
            )
        }

    materialize_stage(
        context,
        opened,
        emotions_stage(opened, home.open_archive(), lake, speech_models.open()),
        tables.emotion_scores,
        force=config.force,
        progress=progress,
        describe=describe,
    )
    with opened.read() as connection:
        lake.sweep(named_artifacts(connection, INPUTS.stage))
        for day in context.partition_keys:
            lake.sweep_embeddings(named_embeddings(connection, day))
