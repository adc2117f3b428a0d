"""Asset `vad_segments`: where there is speech, and what else is heard."""

from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.segments import STAGE

vad_segments = stage_asset(
    STAGE,
    description="Speech, music, tones and crosstalk on each channel of the day's calls.",
    group="speech",
    kinds={"pytorch", "sql"},
)
