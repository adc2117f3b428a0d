"""Levels that are known in pieces of speech only, and must last: of emotions, of loudness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.rules.conditions.keys import Seconds
from callqa_assets.domain.rules.conditions.leaf import ChannelLeaf, Found
from callqa_assets.domain.rules.engine.intervals import Floats, Intervals, Ticks, sustain, us

MAX_EVIDENCE_POINTS = 50

TOLERANCE = 1e-6
"""Slack in comparisons of levels: posteriors are float32."""


class LevelLeaf(ChannelLeaf):
    """A level that must last."""

    duration_sec: Seconds = 0.0
    """Speech time at the level after which the condition fires; 0: at the first window."""
    keep_firing_sec: Seconds = 0.0
    """Speech time below the level that does not end a firing."""
    max_gap_sec: Seconds = 1.0
    """Longest silence that does not break an interval."""

    def sustain(
        self, start: Ticks, end: Ticks, values: Floats, *, level_on: float, level_off: float
    ) -> Intervals:
        """Where the values of these pieces reach `level_on` and stay at `level_off`."""
        return sustain(
            start,
            end,
            values >= level_on - TOLERANCE,
            values >= level_off - TOLERANCE,
            duration_us=us(self.duration_sec),
            keep_us=us(self.keep_firing_sec),
            max_gap_us=us(self.max_gap_sec),
        )


@dataclass(frozen=True)
class FoundLevels(Found):
    """Intervals with the pieces whose values decided; shape [n] each."""

    start: Ticks
    end: Ticks
    values: Floats

    def peak(self, start: int, end: int) -> float:
        first, last = self.pieces_between(start, end)
        return round(float(self.values[first:last].max()), 4)

    def pieces_between(self, start: int, end: int) -> tuple[int, int]:
        """(first, behind the last) of the pieces between two times of the axis."""
        return (
            int(np.searchsorted(self.start, start)),
            int(np.searchsorted(self.end, end, "right")),
        )

    def choose_points(self, start: int, end: int) -> NDArray[np.intp]:
        """At most `MAX_EVIDENCE_POINTS` of these pieces, evenly.

        The first, the last and the highest always stay.
        """
        index = np.arange(*self.pieces_between(start, end))
        if len(index) <= MAX_EVIDENCE_POINTS:
            return index
        evenly = np.linspace(0, len(index) - 1, MAX_EVIDENCE_POINTS - 1).round().astype(np.intp)
        return index[np.union1d(evenly, [np.argmax(self.values[index])])]
