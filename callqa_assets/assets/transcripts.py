"""Asset `transcripts`: what was said, segment by segment, with word times."""

import dagster as dg

from callqa_assets.assets.stage_asset import (
    StageConfig,
    daily_asset,
    materialize_stage,
)
from callqa_assets.partitions import GPU_POOL
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.transcripts import CODE_VERSION, transcripts_stage
from callqa_assets.warehouse import tables
from resources.dagster_resources import HomeResource, SpeechModelsResource, WarehouseResource


@daily_asset(
    tables=["transcripts"],
    group="speech",
    kinds={"python", "sql"},
    code_version=CODE_VERSION,
    deps=["vad_segments"],
    pool=GPU_POOL,
)
def transcripts(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: WarehouseResource,
    speech_models: SpeechModelsResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """What was said in the day's calls: raw and normalised text, words with times, confidence."""
    opened = warehouse.open()
    materialize_stage(
        context,
        opened,
        transcripts_stage(
            opened, home.open_archive(), speech_models.open(), speech_models.read_hotwords()
        ),
        tables.transcripts,
        force=config.force,
        progress=progress,
    )
