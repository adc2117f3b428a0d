"""Conditions on who speaks when: nobody, without music or tones either (silence), or two channels
at once (overlap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator

from callqa_assets.domain.rules.conditions.keys import Seconds, SomeSeconds
from callqa_assets.domain.rules.conditions.leaf import Found, Leaf
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import (
    LANE_BITS,
    find_depth,
    find_gaps,
    keep_lasting,
    us,
)
from callqa_assets.domain.yaml_config import suggest

ACOUSTIC = ("silence", "overlap", "loudness_rise")
"""All that `acoustic` may say, in other modules' kinds too."""


def _known_sound(name: object) -> object:
    if name not in ACOUSTIC:
        raise ValueError(f"{name!r} is no acoustic condition{suggest(str(name), ACOUSTIC)}")
    return name


class ActivityCondition(Leaf):
    """Silence on all channels, or speech on two at once: a property of the call as a whole."""

    key: ClassVar[str] = "acoustic"
    acoustic: Annotated[Literal["silence", "overlap"], BeforeValidator(_known_sound)]
    duration_sec: SomeSeconds
    keep_firing_sec: Seconds = 0.0
    """Longest interruption that does not end a firing."""

    @classmethod
    def is_meant_by(cls, value: object) -> bool:
        return value in ("silence", "overlap")

    @property
    def label(self) -> str:
        return self.acoustic

    def find(self, batch: CallBatch) -> FoundActivity:
        if self.acoustic == "silence":
            first = batch.first_lane[:-1][np.diff(batch.first_lane) > 0] << LANE_BITS
            last = first + batch.duration[np.diff(batch.first_lane) > 0]
            found = find_gaps(batch.call_sound, first, last)
        else:
            lane = batch.channel_speech.lane
            shift = (lane - batch.first_lane[batch.call_of_lane[lane]]) << LANE_BITS
            found = find_depth(
                batch.channel_speech.start - shift, batch.channel_speech.end - shift, depth=2
            )
        keep_us = us(self.keep_firing_sec)
        return FoundActivity(
            keep_lasting(found, duration_us=us(self.duration_sec), keep_us=keep_us)
        )


@dataclass(frozen=True)
class FoundActivity(Found):
    """Intervals of silence or overlap."""

    def peak(self, start: int, end: int) -> float:
        """The interval's length, in seconds."""
        return round((end - start) / 1e6, 3)
