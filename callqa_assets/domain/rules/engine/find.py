"""What a rule's condition finds in calls: leaf conditions looked up, composed ones combined.

Every condition is evaluated on all calls of a batch together (`batch`). What a leaf finds is its
own kind's business (`conditions`), what a rule makes of the intervals that of `evaluate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from callqa_assets.domain.rules.conditions.composed import Condition
from callqa_assets.domain.rules.conditions.leaf import (
    MAX_EVIDENCE_PLACES,
    Found,
    Leaf,
    describe_times,
)
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import (
    LANE_BITS,
    Intervals,
    Ticks,
    keep_lasting,
    move,
    unite_all,
    us,
    without,
)


class ConditionFinder:
    """One rule's conditions on one batch. Each leaf searches all lanes once, then is looked up."""

    def __init__(self, batch: CallBatch) -> None:
        self._batch = batch
        self._found: dict[int, Found] = {}

    def find(self, condition: Condition, lanes: Ticks) -> Intervals:
        """Where the condition holds, seen from each of the lanes (ascending)."""
        if isinstance(condition, Leaf):
            source, target = condition.lanes_seen(self._batch, lanes)
            return move(self._find_leaf(condition).intervals, source, target)
        found = condition.combine([self.find(member, lanes) for member in condition.members])
        if condition.not_:
            unwanted = unite_all([self.find(member, lanes) for member in condition.not_])
            within_us, call_end = us(condition.within_sec), self._batch.lane_end[found.lane]
            found = without(found, unwanted, within_us, call_end)
        return keep_lasting(found, duration_us=0, keep_us=us(condition.keep_firing_sec))

    def peak(self, condition: Condition, start: int, end: int) -> float:
        """The highest value of a condition in an interval of a lane: its own kind's, or 1."""
        return self._find_leaf(condition).peak(start, end) if isinstance(condition, Leaf) else 1.0

    def explain(
        self, condition: Condition, lane: int, start: int, end: int
    ) -> Iterator[dict[str, Any]]:
        """What each leaf found between two times of a lane, JSON-serialisable."""
        if not isinstance(condition, Leaf):
            for member in condition.members:
                yield from self.explain(member, lane, start, end)
            return
        found = self._find_leaf(condition)
        intervals = found.intervals
        for source in map(int, condition.lanes_seen(self._batch, np.array([lane]))[0]):
            shift = (source - lane) << LANE_BITS
            low = int(np.searchsorted(intervals.end, start + shift, "left"))
            high = int(np.searchsorted(intervals.start, end + shift, "right"))
            for i in range(low, min(high, low + MAX_EVIDENCE_PLACES)):
                begin, until = int(intervals.start[i]), int(intervals.end[i])
                yield {
                    "condition": condition.label,
                    **describe_times(begin, until),
                    **condition.describe_lane(self._batch, source),
                    **found.explain(begin, until),
                }

    def _find_leaf(self, leaf: Leaf) -> Found:
        """What a leaf finds on the lanes it looks at."""
        if id(leaf) not in self._found:
            self._found[id(leaf)] = leaf.find(self._batch)
        return self._found[id(leaf)]
