"""The jobs: from the drop folder to the alerts, and from there to published days."""

from typing import Any

import dagster as dg

from callqa_assets.assets.stage_asset import RAW_RECORDINGS
from callqa_assets.checks.marts import yesterday_is_published
from callqa_assets.checks.transcripts import search_index_is_sound
from callqa_assets.marts.registry import MARTS
from callqa_assets.stages.registry import STAGES

process_calls = dg.define_asset_job(
    "process_calls",
    selection=dg.AssetSelection.assets(RAW_RECORDINGS, *(stage.asset for stage in STAGES))
    - dg.AssetSelection.checks(search_index_is_sound),  # reads all of the index
    description="Ingest the days' recordings from the drop folder and run every stage on them.",
)

publish_marts = dg.define_asset_job(
    "publish_marts",
    selection=dg.AssetSelection.assets(*(mart.name for mart in MARTS)),
    description="Publish the days' marts, where anything that they read has changed.",
)

daily_checks = dg.define_asset_job(
    "daily_checks",
    selection=dg.AssetSelection.checks(yesterday_is_published, search_index_is_sound),
    description="Check that yesterday's calls are published, and that the search index is sound.",
)


def forced_config() -> dict[str, Any]:
    """Run configuration that computes every stage again."""
    return {"ops": {stage.asset: {"config": {"force": True}} for stage in STAGES}}
