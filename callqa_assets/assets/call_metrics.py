"""Asset `call_metrics`: who speaks when, and metrics of it."""

from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.conversation import STAGE

call_metrics = stage_asset(
    STAGE,
    description="Talk, silence, overlap, interruptions, delays, speaking rate, emotions.",
    group="conversation",
    kinds={"python", "sql"},
)
