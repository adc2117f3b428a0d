"""What conditions find in calls: intervals of time, and the evidence for them.

Every condition is evaluated on all calls of a `batch` together. How intervals combine is in
`intervals`, the search for phrases in `phrases`; what a rule makes of the intervals, in `evaluate`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.conditions import (
    ActivityCondition,
    AllCondition,
    AnyCondition,
    CombinationCondition,
    Condition,
    EmotionCondition,
    Leaf,
    LoudnessCondition,
    Regex,
    TextCondition,
)
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import (
    LANE_BITS,
    NONE,
    Floats,
    Intervals,
    Ticks,
    find_depth,
    find_gaps,
    keep_lasting,
    meet,
    move,
    spread_ranges,
    sustain,
    to_us,
    unite,
    us,
    without,
)
from callqa_assets.domain.rules.engine.phrases import Match

MAX_EVIDENCE_POINTS = 50
MAX_EVIDENCE_MATCHES = 20

_TOLERANCE = 1e-6
"""Tolerance in comparisons of levels: posteriors are float32."""


class ConditionFinder:
    """One rule's conditions on one batch. Each leaf is evaluated once, on all lanes, and kept."""

    def __init__(self, batch: CallBatch) -> None:
        self._batch = batch
        self._found: dict[int, Intervals] = {}
        self._values: dict[int, Floats] = {}
        self._matches: dict[int, list[tuple[int, int, Match]]] = {}

    def find(self, condition: Condition, lanes: Ticks) -> Intervals:
        """Where the condition holds for a rule evaluated on these lanes (ascending)."""
        if not isinstance(condition, AllCondition | AnyCondition):
            source, target = self._lanes_seen(condition, lanes)
            return move(self._find_leaf(condition), source, target)
        members = [self.find(member, lanes) for member in condition.members]
        within_us = us(condition.within_sec)
        if isinstance(condition, AllCondition):
            found = meet(members, within_us)
        else:
            found = _unite_all(members)
        if condition.not_:
            unwanted = _unite_all([self.find(member, lanes) for member in condition.not_])
            found = without(found, unwanted, within_us, self._batch.lane_end[found.lane])
        return keep_lasting(found, duration_us=0, keep_us=us(condition.keep_firing_sec))

    def peak(self, condition: Condition, start: int, end: int) -> float:
        """The highest value of a condition in an interval that `find` returned.

        A posterior (sum) of an emotion, dB of a rise in loudness, seconds of silence or overlap,
        and 1 for text and composed conditions.
        """
        if isinstance(condition, ActivityCondition):
            return round((end - start) / 1e6, 3)
        if isinstance(condition, TextCondition | AllCondition | AnyCondition):
            return 1.0
        first, last = self._tiles_between(condition, start, end)
        return round(float(self._values[id(condition)][first:last].max()), 4)

    def explain(self, condition: Condition, lane: int, start: int, end: int) -> Iterator[Any]:
        """The evidence of each leaf between two times of a lane, JSON-serialisable."""
        if isinstance(condition, AllCondition | AnyCondition):
            for member in condition.members:
                yield from self.explain(member, lane, start, end)
            return
        found = self._found[id(condition)]
        for source in map(int, self._lanes_seen(condition, np.array([lane]))[0]):
            shift = (source - lane) << LANE_BITS
            low = int(np.searchsorted(found.end, start + shift, "left"))
            high = int(np.searchsorted(found.start, end + shift, "right"))
            for i in range(low, min(high, low + MAX_EVIDENCE_MATCHES)):
                yield self._describe(condition, source, int(found.start[i]), int(found.end[i]))

    def _lanes_seen(self, leaf: Leaf, lanes: Ticks) -> tuple[Ticks, Ticks]:
        """(source, target) lanes: what a leaf finds on `source[i]` counts on `target[i]`.

        Ascending in `target`: the lanes on which the rule is evaluated.
        """
        batch = self._batch
        if isinstance(leaf, ActivityCondition):
            return batch.first_lane[batch.call_of_lane[lanes]], lanes
        if leaf.role is None:
            return lanes, lanes
        eligible = np.flatnonzero(np.isin(batch.roles, leaf.role))
        calls, asked = batch.call_of_lane[eligible], batch.call_of_lane[lanes]
        owner, index = spread_ranges(
            np.searchsorted(calls, asked, "left"), np.searchsorted(calls, asked, "right")
        )
        return eligible[index], lanes[owner]

    def _find_leaf(self, leaf: Leaf) -> Intervals:
        """Where a leaf holds, on its source lanes."""
        if id(leaf) not in self._found:
            self._found[id(leaf)] = self._search(leaf)
        return self._found[id(leaf)]

    def _search(self, leaf: Leaf) -> Intervals:
        match leaf:
            case EmotionCondition() | CombinationCondition():
                return self._find_emotion(leaf)
            case LoudnessCondition():
                return self._find_rises(leaf)
            case ActivityCondition():
                return self._find_activity(leaf)
            case TextCondition():
                return self._find_text(leaf)

    def _find_emotion(self, leaf: EmotionCondition | CombinationCondition) -> Intervals:
        tiles = self._batch.tiles
        columns = [tiles.posteriors[EMOTIONS.index(emotion)] for emotion in leaf.emotions]
        values = columns[0]
        for column in columns[1:]:
            values = values + column
        if isinstance(leaf, CombinationCondition):
            for emotion, floor in leaf.floors.items():
                enough = tiles.posteriors[EMOTIONS.index(emotion)] >= floor - _TOLERANCE
                values = np.where(enough, values, 0.0)
        self._values[id(leaf)] = values
        return _sustain(leaf, (tiles.start, tiles.end), values, leaf.level_on, leaf.level_off)

    def _find_rises(self, leaf: LoudnessCondition) -> Intervals:
        """Segments whose level in dB exceeds the mean of their channel's speech before them."""
        speech = self._batch.speech
        if not speech.segments:
            return NONE
        levels = np.array([segment.level_dbfs for segment in speech.segments])
        # Integers (0.01 dB, ms), so that sums are exact whatever else is in the batch.
        spoken_ms = (speech.end - speech.start) // 1000
        weighted = np.rint(levels * 100).astype(np.int64) * spoken_ms
        before = np.searchsorted(speech.lane, speech.lane, "left")
        earlier_ms = _sum_before(spoken_ms, before)
        known = earlier_ms >= us(leaf.baseline_sec) // 1000
        baseline = _sum_before(weighted, before) / np.maximum(earlier_ms, 1) / 100
        rises = np.where(known, levels - baseline, 0.0)
        self._values[id(leaf)] = rises
        tiles = speech.start[known], speech.end[known]
        return _sustain(leaf, tiles, rises[known], leaf.rise_db, leaf.rise_db)

    def _find_activity(self, leaf: ActivityCondition) -> Intervals:
        batch = self._batch
        if leaf.acoustic == "silence":
            first = batch.first_lane[:-1][np.diff(batch.first_lane) > 0] << LANE_BITS
            last = first + batch.duration[np.diff(batch.first_lane) > 0]
            found = find_gaps(batch.call_speech, first, last)
        else:
            lane = batch.channel_speech.lane
            shift = (lane - batch.first_lane[batch.call_of_lane[lane]]) << LANE_BITS
            found = find_depth(
                batch.channel_speech.start - shift, batch.channel_speech.end - shift, depth=2
            )
        return keep_lasting(
            found, duration_us=us(leaf.duration_sec), keep_us=us(leaf.keep_firing_sec)
        )

    def _find_text(self, leaf: TextCondition) -> Intervals:
        batch, text = self._batch, leaf.text
        window_start, window_end = batch.lane_start, batch.lane_end
        if text.first_sec is not None:
            window_end = np.minimum(window_end, window_start + us(text.first_sec))
        if text.last_sec is not None:
            window_start = np.maximum(window_start, window_end - us(text.last_sec))
        found: list[Intervals] = []
        matches: list[tuple[int, int, Match]] = []
        for pattern in text.patterns:
            sought = batch.spoken_text
            hits = (
                sought.find_regex(pattern.regex)
                if isinstance(pattern, Regex)
                else sought.find_phrase(pattern)
            )
            lane = batch.speech.lane[[hit.segment for hit in hits]]
            start = to_us(np.array([hit.start_s for hit in hits])) + (lane << LANE_BITS)
            end = to_us(np.array([hit.end_s for hit in hits])) + (lane << LANE_BITS)
            inside = np.ones(len(hits), np.bool_)
            if text.first_sec is not None:
                inside = start < window_end[lane]
            if text.last_sec is not None:
                inside = start >= window_start[lane]
            order = np.argsort(start, kind="stable")
            order = order[inside[order]]
            found.append(Intervals(start[order], end[order], end[order]))
            matches += [(int(start[i]), int(end[i]), hits[i]) for i in order.tolist()]
        self._matches[id(leaf)] = sorted(matches)
        if text.none:
            matched = np.isin(np.arange(len(batch.roles)), np.concatenate([f.lane for f in found]))
            absent = ~matched & (window_end > window_start)
            start, end = window_start[absent], window_end[absent]
            return Intervals(start, end, end)
        if text.all:
            return _first_of_all(found, len(batch.roles))
        return keep_lasting(_unite_all(found), duration_us=0, keep_us=us(leaf.keep_firing_sec))

    def _tiles_between(self, leaf: Leaf, start: int, end: int) -> tuple[int, int]:
        at = self._batch.speech if isinstance(leaf, LoudnessCondition) else self._batch.tiles
        return int(np.searchsorted(at.start, start)), int(np.searchsorted(at.end, end, "right"))

    def _describe(self, leaf: Leaf, lane: int, start: int, end: int) -> dict[str, Any]:
        """The evidence for one interval of a leaf."""
        found: dict[str, Any] = {"condition": _name(leaf), **_seconds(start, end)}
        if isinstance(leaf, ActivityCondition):
            return found
        found["channel"] = self._batch.channel_of(lane)
        found["role"] = str(self._batch.roles[lane])
        if isinstance(leaf, TextCondition):
            return found | self._describe_text(leaf, start, end)
        if isinstance(leaf, LoudnessCondition):
            return found | self._describe_rise(leaf, start, end)
        return found | self._describe_emotion(leaf, start, end)

    def _describe_text(self, leaf: TextCondition, start: int, end: int) -> dict[str, Any]:
        if leaf.text.none:
            return {"not_said": [_pattern_text(p) for p in leaf.text.none[:MAX_EVIDENCE_MATCHES]]}
        matches = self._matches[id(leaf)]
        low = bisect_left(matches, start, key=lambda match: match[0])
        high = bisect_right(matches, end, key=lambda match: match[0])
        shown = matches[low : min(high, low + MAX_EVIDENCE_MATCHES)]
        return {
            "matches": [
                {**_seconds(begin, until), "said": match.text} for begin, until, match in shown
            ]
        }

    def _describe_rise(self, leaf: LoudnessCondition, start: int, end: int) -> dict[str, Any]:
        first, last = self._tiles_between(leaf, start, end)
        index = _thin(np.arange(first, last), self._values[id(leaf)])
        speech = self._batch.speech
        return {
            "rise_db": leaf.rise_db,
            "segments": {
                "start_s": _to_seconds(speech.start[index]),
                "end_s": _to_seconds(speech.end[index]),
                "level_dbfs": [round(speech.segments[int(i)].level_dbfs, 1) for i in index],
                "rise_db": self._values[id(leaf)][index].round(1).tolist(),
            },
        }

    def _describe_emotion(
        self, leaf: EmotionCondition | CombinationCondition, start: int, end: int
    ) -> dict[str, Any]:
        """The levels, and the posteriors of at most `MAX_EVIDENCE_POINTS` tiles."""
        first, last = self._tiles_between(leaf, start, end)
        index = _thin(np.arange(first, last), self._values[id(leaf)])
        tiles = self._batch.tiles
        windows = {"start_s": _to_seconds(tiles.start[index])}
        windows["end_s"] = _to_seconds(tiles.end[index])
        for emotion in leaf.emotions:
            column = tiles.posteriors[EMOTIONS.index(emotion), index]
            windows[emotion] = column.round(4).tolist()
        return {
            "level_on": leaf.level_on,
            "level_off": leaf.level_off,
            "floors": dict(leaf.floors) if isinstance(leaf, CombinationCondition) else {},
            "duration_sec": leaf.duration_sec,
            "keep_firing_sec": leaf.keep_firing_sec,
            "max_gap_sec": leaf.max_gap_sec,
            "windows_in_stretch": last - first,
            "windows": windows,
        }


def _name(leaf: Leaf) -> str:
    if isinstance(leaf, TextCondition):
        return "text"
    return leaf.acoustic if isinstance(leaf, ActivityCondition | LoudnessCondition) else "emotion"


def _thin(index: NDArray[np.intp], values: Floats) -> NDArray[np.intp]:
    """At most `MAX_EVIDENCE_POINTS`, evenly spaced; first, last and highest are always kept."""
    if len(index) <= MAX_EVIDENCE_POINTS:
        return index
    evenly = np.linspace(0, len(index) - 1, MAX_EVIDENCE_POINTS - 1).round().astype(np.intp)
    return index[np.union1d(evenly, [np.argmax(values[index])])]


def _to_seconds(ticks: Ticks) -> list[float]:
    """Seconds from the recording's start, to the millisecond."""
    return ((ticks & ((1 << LANE_BITS) - 1)) / 1e6).round(3).tolist()


def _seconds(start: int, end: int) -> dict[str, float]:
    start_s, end_s = _to_seconds(np.array([start, end]))
    return {"start_s": start_s, "end_s": end_s}


def _pattern_text(pattern: str | Regex) -> str:
    return pattern.regex if isinstance(pattern, Regex) else pattern


def _sustain(
    leaf: EmotionCondition | CombinationCondition | LoudnessCondition,
    tiles: tuple[Ticks, Ticks],
    values: Floats,
    level_on: float,
    level_off: float,
) -> Intervals:
    return sustain(
        *tiles,
        values >= level_on - _TOLERANCE,
        values >= level_off - _TOLERANCE,
        duration_us=us(leaf.duration_sec),
        keep_us=us(leaf.keep_firing_sec),
        max_gap_us=us(leaf.max_gap_sec),
    )


def _sum_before(amounts: Ticks, first: NDArray[np.intp]) -> Ticks:
    """For each i the sum of amounts[first[i]:i]."""
    until = np.concatenate([[0], np.cumsum(amounts)])
    return until[:-1] - until[first]


def _unite_all(parts: Sequence[Intervals]) -> Intervals:
    return unite(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.fired for part in parts]),
    )


def _first_of_all(found: Sequence[Intervals], lanes: int) -> Intervals:
    """On each lane that has all patterns: from the earliest to the latest of their first matches.

    `found` holds the matches of each pattern.
    """
    start = np.full(lanes, np.iinfo(np.int64).max)
    end = np.zeros(lanes, np.int64)
    has_all = np.ones(lanes, np.bool_)
    for part in found:
        lane, first = np.unique(part.lane, return_index=True)
        has_all &= np.isin(np.arange(lanes), lane)
        start[lane] = np.minimum(start[lane], part.start[first])
        end[lane] = np.maximum(end[lane], part.end[first])
    start, end = start[has_all], end[has_all]
    return Intervals(start, end, end)
