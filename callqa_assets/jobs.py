"""The main job: everything from the drop folder to the alerts."""

from typing import Any

import dagster as dg

from callqa_assets.assets.stage_asset import RAW_RECORDINGS
from callqa_assets.stages.registry import STAGES

process_calls = dg.define_asset_job(
    "process_calls",
    selection=dg.AssetSelection.assets(RAW_RECORDINGS, *(stage.asset for stage in STAGES))
    | dg.AssetSelection.all_asset_checks(),
    description="Ingest the days' recordings from the drop folder and run every stage on them.",
)


def forced_config() -> dict[str, Any]:
    """Run configuration that computes every stage again."""
    return {"ops": {stage.asset: {"config": {"force": True}} for stage in STAGES}}
