"""The kinds of leaf conditions: a new kind is a module beside this one and a lane here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Tag

from callqa_assets.domain.rules.conditions.activity import ActivityCondition
from callqa_assets.domain.rules.conditions.emotion import (
    CombinationCondition,
    EmotionCondition,
    FlattenedCombination,
)
from callqa_assets.domain.rules.conditions.loudness import LoudnessCondition
from callqa_assets.domain.rules.conditions.text import TextCondition

LeafCondition = (
    Annotated[EmotionCondition, Tag("<emotion>")]
    | Annotated[CombinationCondition, Tag("<combination>")]
    | Annotated[FlattenedCombination, Tag("<combination in a block>")]
    | Annotated[TextCondition, Tag("<text>")]
    | Annotated[ActivityCondition, Tag("<activity>")]
    | Annotated[LoudnessCondition, Tag("<loudness>")]
)
"""Any leaf. The tag stands for the kind in pydantic's errors; no file shows it. Of kinds with the
same key, the first one explains a value that means none of them."""
