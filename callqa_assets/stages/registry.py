"""The stages in the order in which they run: the one list of them.

The job, its forced configuration, assets, checks and settled days derive from it.
"""

from __future__ import annotations

from callqa_assets.stages import (
    alerts,
    conversation,
    emotions,
    pii,
    scripts,
    segments,
    topics,
    transcripts,
)
from callqa_assets.stages.definition import StageDefinition

STAGES: tuple[StageDefinition, ...] = (
    segments.STAGE,
    transcripts.STAGE,
    emotions.STAGE,
    alerts.STAGE,
    conversation.STAGE,
    topics.STAGE,
    scripts.STAGE,
    pii.STAGE,
)

STAGE_NAMES = tuple(stage.name for stage in STAGES)
