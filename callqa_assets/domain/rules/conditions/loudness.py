"""Conditions on the loudness of a channel: segments louder than its speech before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from callqa_assets.domain.rules.conditions.keys import SomeSeconds
from callqa_assets.domain.rules.conditions.leaf import to_seconds
from callqa_assets.domain.rules.conditions.levels import FoundLevels, LevelLeaf
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import Ticks, us
from callqa_assets.domain.text.spoken_text import SpokenSegment


class LoudnessCondition(LevelLeaf):
    """A channel's segments at least `rise_db` above the mean level of its speech before."""

    key: ClassVar[str] = "acoustic"
    acoustic: Literal["loudness_rise"]
    rise_db: Annotated[float, Field(gt=0, le=60, strict=True)]
    baseline_sec: SomeSeconds = 5.0
    """Speech of the channel that must come first: the mean is taken over it."""

    @classmethod
    def is_meant_by(cls, value: object) -> bool:
        return value == "loudness_rise"

    @property
    def label(self) -> str:
        return self.acoustic

    def find(self, batch: CallBatch) -> FoundRises:
        """Segments against the mean level, in dB, of their channel's speech before them."""
        speech = batch.speech
        levels = np.array([segment.level_dbfs for segment in speech.segments])
        # Whole hundredths of dB and milliseconds: sums are exact, whatever else is in the batch.
        spoken_ms = (speech.end - speech.start) // 1000
        weighted = np.rint(levels * 100).astype(np.int64) * spoken_ms
        before = np.searchsorted(speech.lane, speech.lane, "left")
        earlier_ms = _sum_before(spoken_ms, before)
        known = earlier_ms >= us(self.baseline_sec) // 1000
        baseline = _sum_before(weighted, before) / np.maximum(earlier_ms, 1) / 100
        rises = np.where(known, levels - baseline, 0.0)
        found = self.sustain(
            speech.start[known],
            speech.end[known],
            rises[known],
            level_on=self.rise_db,
            level_off=self.rise_db,
        )
        return FoundRises(found, speech.start, speech.end, rises, self, speech.segments)


@dataclass(frozen=True)
class FoundRises(FoundLevels):
    """Intervals of louder speech."""

    leaf: LoudnessCondition
    segments: Sequence[SpokenSegment]
    """The pieces of speech."""

    def explain(self, start: int, end: int) -> dict[str, Any]:
        """The level asked for, and some of the segments."""
        index = self.choose_points(start, end)
        return {
            "rise_db": self.leaf.rise_db,
            "segments": {
                "start_s": to_seconds(self.start[index]),
                "end_s": to_seconds(self.end[index]),
                "level_dbfs": [round(self.segments[int(i)].level_dbfs, 1) for i in index],
                "rise_db": self.values[index].round(1).tolist(),
            },
        }


def _sum_before(amounts: Ticks, first: NDArray[np.intp]) -> Ticks:
    """For each i the sum of amounts[first[i]:i]."""
    until = np.concatenate([[0], np.cumsum(amounts)])
    return until[:-1] - until[first]
