"""Asset `vad_segments`: where there is speech. The detector is a speech model."""

import dagster as dg

from callqa_assets.assets.stage_asset import (
    StageConfig,
    daily_asset,
    materialize_stage,
)
from callqa_assets.partitions import GPU_POOL
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.segments import CODE_VERSION, segments_stage
from callqa_assets.warehouse import tables
from resources.dagster_resources import HomeResource, SpeechModelsResource, WarehouseResource


@daily_asset(
    tables=["segments"],
    group="speech",
    kinds={"pytorch", "sql"},
    code_version=CODE_VERSION,
    deps=["raw_recordings"],
    pool=GPU_POOL,
)
def vad_segments(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: WarehouseResource,
    speech_models: SpeechModelsResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """Stretches of speech on each channel of the day's calls, none longer than 30 s."""
    materialize_stage(
        context,
        warehouse.open(),
        segments_stage(home.open_archive(), speech_models.open()),
        tables.segments,
        force=config.force,
        progress=progress,
    )
