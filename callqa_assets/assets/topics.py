"""Asset `topics`: what calls are about. Topics are matched in `domain.topics`."""

from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.topics import STAGE

topics = stage_asset(
    STAGE,
    description="Where topics of `configs/topics.yaml` are spoken of, and the words used.",
    group="topics",
    kinds={"python", "sql"},
)
