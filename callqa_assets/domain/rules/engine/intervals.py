"""Intervals of time on many lanes at once: one mechanism for every kind of condition.

A *lane* is the time axis of one channel of one call. All lanes of a batch lie end to end on one
axis of whole microseconds, far enough apart that nothing reaches from one to the next: sums are
exact, and a call gives the same intervals whatever else is in its batch. A *tile* is a piece of a
lane on which a level is constant: the share of an emotion window, or a speech segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]
"""Microseconds on the batch's axis."""
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

LANE_BITS = 40
MAX_LANE_US = 1 << (LANE_BITS - 1)
"""Longest call, about six days: the other half of a lane keeps neighbours apart."""
SLACK_US = 10
"""Tolerance in comparisons of times: they are sums of window hops, rounded to microseconds."""


def to_us(seconds: Floats) -> Ticks:
    return np.rint(seconds * 1e6).astype(np.int64)


def us(seconds: float) -> int:
    return round(seconds * 1e6)


@dataclass(frozen=True)
class Intervals:
    """Intervals in which a condition holds: ascending, disjoint, not touching; shape [n] each."""

    start: Ticks
    end: Ticks
    fired: Ticks
    """When each interval fired: its duration was reached. Ascending too."""

    def __len__(self) -> int:
        return len(self.start)

    def where(self, chosen: Bools) -> Intervals:
        return Intervals(self.start[chosen], self.end[chosen], self.fired[chosen])

    @property
    def lane(self) -> Ticks:
        return self.start >> LANE_BITS

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """(start, end, fired) of each."""
        for i in range(len(self)):
            yield int(self.start[i]), int(self.end[i]), int(self.fired[i])


_NOTHING = np.zeros(0, np.int64)
NONE = Intervals(_NOTHING, _NOTHING, _NOTHING)


def sustain(
    start: Ticks,
    end: Ticks,
    on: Bools,
    hold: Bools,
    *,
    duration_us: int,
    keep_us: int,
    max_gap_us: int,
) -> Intervals:
    """Intervals of a level that is known on tiles only, with hysteresis.

    Tiles are ascending and disjoint; `hold` (at or above the lower level) contains `on` (at or
    above the upper one). An interval begins with an `on` tile, counts the time of the `on` tiles
    that follow without another between them, and fires when it reaches `duration_us`. It lasts to
    the last tile that holds it, and ends where more than `keep_us` of tiles do not hold. Time
    between tiles is not counted; more than `max_gap_us` of it ends count and interval.
    """
    if not on.any():
        return NONE
    length_us = end - start
    breaks = np.empty(len(start), np.bool_)
    breaks[0] = True
    np.greater(start[1:] - end[:-1], max_gap_us + SLACK_US, out=breaks[1:])

    counted = np.cumsum(np.where(on, length_us, 0))
    after_off = np.empty(len(on), np.bool_)
    after_off[0] = True
    np.logical_not(on[:-1], out=after_off[1:])
    first = np.flatnonzero(on & (breaks | after_off))
    limit = np.append(first[1:], len(on))
    before = counted[first] - length_us[first]
    # The count stays flat behind its interval: a tile beyond `limit` belongs to the next one.
    fired = np.searchsorted(counted, before + max(duration_us - SLACK_US, 0))
    fired = np.maximum(fired, first)
    reached = fired < limit
    first, fired, before = first[reached], fired[reached], before[reached]
    fired_at = end[fired] - np.maximum(0, counted[fired] - before - duration_us)

    # Tiles that hold form groups, separated by more than `keep_us` below or by a gap. An interval
    # lasts as long as the group in which it fires, so only the first of a group counts.
    held = np.flatnonzero(hold)
    below = np.cumsum(np.where(hold, 0, length_us))[held]
    gaps = np.cumsum(breaks)[held]
    parted = (np.diff(below) > keep_us + SLACK_US) | (np.diff(gaps) > 0)
    group = np.concatenate([[0], np.cumsum(parted)])
    last_of_group = held[np.append(np.flatnonzero(parted), len(held) - 1)]
    group_fired = group[np.searchsorted(held, fired)]
    chosen = _first_of_each(group_fired)
    return Intervals(
        start[first[chosen]], end[last_of_group[group_fired[chosen]]], fired_at[chosen]
    )


def keep_lasting(found: Intervals, *, duration_us: int, keep_us: int) -> Intervals:
    """The intervals of at least `duration_us`, each with those that follow within `keep_us`.

    For intervals whose time is all known. One fires when it has lasted `duration_us`; with 0,
    when it had fired before. Each later one within `keep_us` of the one before extends it.
    """
    if not len(found):
        return NONE
    group = np.concatenate([[0], np.cumsum(found.start[1:] - found.end[:-1] > keep_us + SLACK_US)])
    long = np.flatnonzero(found.end - found.start >= duration_us - SLACK_US)
    long = long[_first_of_each(group[long])]
    last = np.searchsorted(group, group[long], "right") - 1
    fired = np.minimum(found.start + duration_us, found.end) if duration_us else found.fired
    return Intervals(found.start[long], found.end[last], fired[long])


def unite(start: Ticks, end: Ticks, fired: Ticks) -> Intervals:
    """Intervals in any order as one set: those that overlap or touch are merged."""
    if not len(start):
        return NONE
    order = np.lexsort((end, start))
    start, end, fired = start[order], end[order], fired[order]
    until = np.maximum.accumulate(end)
    begins = np.flatnonzero(np.concatenate([[True], start[1:] > until[:-1]]))
    last = np.append(begins[1:], len(start)) - 1
    return Intervals(start[begins], until[last], np.minimum.reduceat(fired, begins))


def unite_all(parts: Sequence[Intervals]) -> Intervals:
    """`unite` of several sets."""
    return unite(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.fired for part in parts]),
    )


def meet(members: Sequence[Intervals], within_us: int) -> Intervals:
    """Where every member is found, at most `within_us` apart.

    A member is in effect from when it fired until `within_us` after it ended. The result fires
    when all are in effect at once, starts with the earliest and ends with the latest of them.
    """
    if len(members) == 1:
        return members[0]
    effects = [unite(m.fired, np.maximum(m.end, m.fired) + within_us, m.fired) for m in members]
    start, end = effects[0].start, effects[0].end
    for other in effects[1:]:
        low = np.searchsorted(other.end, start, "left")
        high = np.searchsorted(other.start, end, "right")
        mine, theirs = spread_ranges(low, high)
        start = np.maximum(start[mine], other.start[theirs])
        end = np.minimum(end[mine], other.end[theirs])
    if not len(start):
        return NONE
    begins, ends = start.copy(), np.full_like(end, -1)
    for m in members:
        first = np.searchsorted(np.maximum(m.end, m.fired) + within_us, start, "left")
        last = np.searchsorted(m.fired, end, "right") - 1
        begins = np.minimum(begins, m.start[first])
        ends = np.maximum(ends, m.end[last])
    return unite(begins, ends, start)


def without(found: Intervals, unwanted: Intervals, within_us: int, call_end: Ticks) -> Intervals:
    """Intervals with nothing unwanted within `within_us` of them: before, inside or after.

    They fire once that is known: `within_us` after their end, or at the end of the call
    (`call_end`, one per interval).
    """
    near = np.searchsorted(unwanted.start, found.end + within_us, "right") - np.searchsorted(
        unwanted.end, found.start - within_us, "left"
    )
    known = np.maximum(found.fired, np.minimum(found.end + within_us, call_end))
    return Intervals(found.start, found.end, known).where(near <= 0)


def find_gaps(found: Intervals, start: Ticks, end: Ticks) -> Intervals:
    """What `found` does not cover of the lanes; `start` and `end` have one value per lane."""
    begins = np.sort(np.concatenate([start, found.end]))
    ends = np.sort(np.concatenate([end, found.start]))
    free = ends > begins
    return Intervals(begins[free], ends[free], begins[free])


def find_depth(start: Ticks, end: Ticks, depth: int) -> Intervals:
    """Where at least `depth` of the intervals overlap."""
    at = np.concatenate([end, start])
    step = np.concatenate([np.full(len(end), -1), np.ones(len(start), np.int64)])
    order = np.argsort(at, kind="stable")  # an end comes before a start at the same time
    at, deep = at[order], np.cumsum(step[order]) >= depth
    if not deep.any():
        return NONE
    turns = np.flatnonzero(np.diff(np.concatenate([[False], deep, [False]]).astype(np.int8)))
    begins, ends = at[turns[::2]], at[turns[1::2]]
    some = ends > begins
    return unite(begins[some], ends[some], begins[some])


def move(found: Intervals, source: Ticks, target: Ticks) -> Intervals:
    """Copies of what lies on `source[i]` on the lane `target[i]`, for every i, as one set."""
    low = np.searchsorted(found.start, source << LANE_BITS)
    high = np.searchsorted(found.start, (source + 1) << LANE_BITS)
    pair, index = spread_ranges(low, high)
    shift = (target[pair] - source[pair]) << LANE_BITS
    return unite(found.start[index] + shift, found.end[index] + shift, found.fired[index] + shift)


def spread_ranges(
    low: NDArray[np.integer], high: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every (i, j) with low[i] <= j < high[i], in order."""
    counts = np.maximum(high - low, 0)
    owner = np.repeat(np.arange(len(low)), counts)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, low[owner] + offset


def _first_of_each(ascending: NDArray[np.integer]) -> Bools:
    """True at the first of each run of equal values."""
    first = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return first
