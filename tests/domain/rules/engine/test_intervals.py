"""Intervals of time: each operation against its definition, written without arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.rules.engine.intervals import (
    LANE_BITS,
    Intervals,
    find_depth,
    find_gaps,
    keep_lasting,
    meet,
    move,
    unite,
    without,
)

UNIT = 1_000
"""Microseconds; far above the slack in comparisons."""
LENGTH = 40

Interval = tuple[int, int, int]
"""Start, end and firing time in units."""


def make_intervals(rows: Sequence[Interval], lane: int = 0) -> Intervals:
    columns = np.array(rows, np.int64).reshape(-1, 3).T * UNIT + (lane << LANE_BITS)
    return Intervals(*columns)


def read_intervals(found: Intervals, lane: int = 0) -> list[Interval]:
    base = lane << LANE_BITS
    return [tuple((t - base) // UNIT for t in row) for row in found.rows()]


def merge(parts: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end, fired in sorted(parts):
        if merged and start <= merged[-1][1]:
            before = merged[-1]
            merged[-1] = (before[0], max(before[1], end), min(before[2], fired))
        else:
            merged.append((start, end, fired))
    return merged


@st.composite
def some_intervals(draw: st.DrawFn) -> list[Interval]:
    """Disjoint and apart, each fired somewhere inside."""
    limits = sorted(draw(st.lists(st.integers(0, LENGTH), unique=True, max_size=10)))
    pairs = zip(limits[::2], limits[1::2], strict=False)
    return [(start, end, draw(st.integers(start, end))) for start, end in pairs]


seconds = st.integers(0, 12)


@given(st.lists(some_intervals(), max_size=3))
def test_unite_joins_what_overlaps_or_touches(parts: list[list[Interval]]):
    flat = [interval for part in parts for interval in part]
    found = make_intervals(flat)
    assert read_intervals(unite(found.start, found.end, found.fired)) == merge(flat)


@given(st.lists(some_intervals(), min_size=2, max_size=3), seconds)
@settings(max_examples=300)
def test_meet_finds_every_choice_of_members_that_are_in_effect_together(
    members: list[list[Interval]], within: int
):
    hulls = [
        (
            min(start for start, _, _ in choice),
            max(end for _, end, _ in choice),
            max(fired for _, _, fired in choice),
        )
        for choice in product(*members)
        if max(fired for _, _, fired in choice) <= min(end for _, end, _ in choice) + within
    ]
    found = meet([make_intervals(member) for member in members], within * UNIT)
    assert read_intervals(found) == merge(hulls)


@given(some_intervals(), some_intervals(), seconds)
def test_without_keeps_what_has_nothing_unwanted_near(
    wanted: list[Interval], unwanted: list[Interval], within: int
):
    kept = [
        (start, end, max(fired, min(end + within, LENGTH)))
        for start, end, fired in wanted
        if not any(s <= end + within and e >= start - within for s, e, _ in unwanted)
    ]
    found = make_intervals(wanted)
    call_end = np.full(len(wanted), LENGTH * UNIT)
    assert read_intervals(without(found, make_intervals(unwanted), within * UNIT, call_end)) == kept


@given(some_intervals(), seconds, seconds)
def test_what_lasts_fires_and_keeps_what_follows_soon(
    parts: list[Interval], duration: int, keep: int
):
    expected: list[Interval] = []
    last_end: int | None = None
    for start, end, fired in parts:
        if expected and last_end is not None and start - last_end <= keep:
            expected[-1] = (expected[-1][0], end, expected[-1][2])
            last_end = end
        elif end - start >= duration:
            expected.append((start, end, min(start + duration, end) if duration else fired))
            last_end = end
        else:
            last_end = None
    found = keep_lasting(make_intervals(parts), duration_us=duration * UNIT, keep_us=keep * UNIT)
    assert read_intervals(found) == expected


@given(some_intervals())
def test_gaps_and_intervals_fill_the_lane(parts: list[Interval]):
    start, end = np.array([0]), np.array([LENGTH * UNIT])
    gaps = read_intervals(find_gaps(make_intervals(parts), start, end))
    tiles = sorted([(s, e) for s, e, _ in (*gaps, *parts)])
    assert [edge for tile in tiles for edge in tile][1:-1] == sorted(
        [edge for tile in tiles for edge in tile][1:-1]
    )
    assert sum(e - s for s, e in tiles) == LENGTH
    assert all(e > s for s, e, _ in gaps)


@given(st.lists(some_intervals(), min_size=1, max_size=4), st.integers(1, 3))
def test_depth_counts_what_lies_over_each_other(parts: list[list[Interval]], depth: int):
    flat = make_intervals([interval for part in parts for interval in part])
    found = read_intervals(find_depth(flat.start, flat.end, depth))
    deep = [sum(s <= at < e for part in parts for s, e, _ in part) >= depth for at in range(LENGTH)]
    assert deep == [any(s <= at < e for s, e, _ in found) for at in range(LENGTH)]


@given(some_intervals(), some_intervals())
def test_intervals_moved_from_several_lanes_are_one_set(one: list[Interval], other: list[Interval]):
    on_lanes = [make_intervals(one, lane=4), make_intervals(other, lane=5)]
    both = Intervals(
        *(np.concatenate([getattr(s, f) for s in on_lanes]) for f in ("start", "end", "fired"))
    )
    moved = move(both, np.array([4, 5]), np.array([5, 5]))
    assert read_intervals(moved, lane=5) == merge([*one, *other])


def test_an_interval_is_on_the_lane_of_its_start():
    start = np.array([0, 5, (1 << LANE_BITS) - 1, 3 << LANE_BITS], np.int64)
    assert Intervals(start, start + 1, start).lane.tolist() == [0, 0, 0, 3]
