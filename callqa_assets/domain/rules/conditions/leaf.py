"""Leaf conditions: what every kind of them can do, and what it finds in a batch of calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from callqa_assets.domain.rules.conditions.keys import ConditionKeys, Roles
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import LANE_BITS, Intervals, Ticks, spread_ranges

MAX_EVIDENCE_PLACES = 20


@dataclass(frozen=True)
class Found:
    """What a leaf finds in a batch. Kinds with more to show than the times extend it."""

    intervals: Intervals
    """On the lanes that the leaf looks at."""

    def peak(self, start: int, end: int) -> float:
        """The highest value between two times of the batch's axis; 1 where there are no values."""
        return 1.0

    def explain(self, start: int, end: int) -> dict[str, Any]:
        """What shows the interval between two times of the axis, JSON-serialisable."""
        return {}


class Leaf(ConditionKeys, ABC):
    """A condition on the call itself: on the whole call, unless it is a ChannelLeaf."""

    @abstractmethod
    def find(self, batch: CallBatch) -> Found:
        """What holds in the batch; on the first lane of each call if it concerns the call."""

    @property
    def label(self) -> str:
        """How evidence names the condition."""
        return self.key

    @property
    def depends_on_channel(self) -> bool:
        """True where the channel on which the rule is evaluated decides what is found."""
        return False

    @property
    def is_met_by_neutral(self) -> bool:
        """True where ordinary neutral speech alone satisfies the condition."""
        return False

    def implies(self, other: Leaf) -> bool:
        """True where `other` is surely satisfied wherever this is; False where that is unknown."""
        return self == other

    def lanes_seen(self, batch: CallBatch, lanes: Ticks) -> tuple[Ticks, Ticks]:
        """Pairs (lane looked at, lane of the rule), ascending in the latter."""
        return batch.first_lane[batch.call_of_lane[lanes]], lanes

    def describe_lane(self, batch: CallBatch, lane: int) -> dict[str, Any]:
        """What evidence says of a lane looked at."""
        return {}


class ChannelLeaf(Leaf):
    """A condition on one channel: the rule's own, unless it names a role."""

    role: Roles | None = None
    """Evaluate on the channels with these roles instead of the rule's own; any of them counts."""

    @property
    def depends_on_channel(self) -> bool:
        return self.role is None

    def lanes_seen(self, batch: CallBatch, lanes: Ticks) -> tuple[Ticks, Ticks]:
        if self.role is None:
            return lanes, lanes
        eligible = np.flatnonzero(np.isin(batch.roles, self.role))
        calls, asked = batch.call_of_lane[eligible], batch.call_of_lane[lanes]
        owner, index = spread_ranges(
            np.searchsorted(calls, asked, "left"), np.searchsorted(calls, asked, "right")
        )
        return eligible[index], lanes[owner]

    def describe_lane(self, batch: CallBatch, lane: int) -> dict[str, Any]:
        return {"channel": batch.channel_of(lane), "role": str(batch.roles[lane])}


def to_seconds(ticks: Ticks) -> list[float]:
    """Seconds from the recording's start, to the millisecond."""
    return ((ticks & ((1 << LANE_BITS) - 1)) / 1e6).round(3).tolist()


def describe_times(start: int, end: int) -> dict[str, float]:
    """Two times of the batch's axis, as evidence writes them."""
    start_s, end_s = to_seconds(np.array([start, end]))
    return {"start_s": start_s, "end_s": end_s}
