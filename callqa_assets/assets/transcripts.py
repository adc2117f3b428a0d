"""Asset `transcripts`: the text of each segment."""

from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.transcripts import STAGE

transcripts = stage_asset(
    STAGE,
    description="The text of each segment, raw and normalised, with word times and confidence.",
    group="speech",
    kinds={"python", "sql"},
)
