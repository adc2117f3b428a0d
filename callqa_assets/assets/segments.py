"""Asset `vad_segments`: where there is speech."""

from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.segments import STAGE

vad_segments = stage_asset(
    STAGE,
    description="Speech segments on each channel of the day's calls, none longer than 30 s.",
    group="speech",
    kinds={"pytorch", "sql"},
)
