"""What conditions find in calls: stretches of time, and the evidence for them.

Every condition is judged on all calls of a batch together (`alerting_batch`). What a rule makes of
the stretches is `alerting`; how stretches combine, `alerting_timeline`; where words are,
`alerting_text`.
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
    LINE_BITS,
    NONE,
    Floats,
    Stretches,
    Ticks,
    find_depth,
    find_gaps,
    last_out,
    meet,
    move,
    spread_ranges,
    sustain,
    to_us,
    unite,
    us,
    without,
)
from callqa_assets.domain.rules.engine.phrases import Place

MAX_EVIDENCE_POINTS = 50
MAX_EVIDENCE_PLACES = 20

_TOLERANCE = 1e-6
"""Slack in comparisons of levels: posteriors are float32."""


class ConditionJudge:
    """One rule's conditions on one batch. Each leaf is judged once on all lines, then looked up."""

    def __init__(self, batch: CallBatch) -> None:
        self._batch = batch
        self._found: dict[int, Stretches] = {}
        self._values: dict[int, Floats] = {}
        self._places: dict[int, list[tuple[int, int, Place]]] = {}

    def judge(self, condition: Condition, lines: Ticks) -> Stretches:
        """Where the condition holds, seen from each of the lines (ascending)."""
        if not isinstance(condition, AllCondition | AnyCondition):
            source, target = self._lines_seen(condition, lines)
            return move(self._find(condition), source, target)
        members = [self.judge(member, lines) for member in condition.members]
        within_us = us(condition.within_sec)
        if isinstance(condition, AllCondition):
            found = meet(members, within_us)
        else:
            found = _unite_all(members)
        if condition.not_:
            unwanted = _unite_all([self.judge(member, lines) for member in condition.not_])
            found = without(found, unwanted, within_us, self._batch.line_end[found.line])
        return last_out(found, duration_us=0, keep_us=us(condition.keep_firing_sec))

    def peak(self, condition: Condition, start: int, end: int) -> float:
        """The highest value of a condition in a stretch of a line: its own kind's, or 1."""
        if isinstance(condition, ActivityCondition):
            return round((end - start) / 1e6, 3)
        if isinstance(condition, TextCondition | AllCondition | AnyCondition):
            return 1.0
        first, last = self._pieces_between(condition, start, end)
        return round(float(self._values[id(condition)][first:last].max()), 4)

    def explain(self, condition: Condition, line: int, start: int, end: int) -> Iterator[Any]:
        """What each leaf found between two times of a line, JSON-serialisable."""
        if isinstance(condition, AllCondition | AnyCondition):
            for member in condition.members:
                yield from self.explain(member, line, start, end)
            return
        found = self._found[id(condition)]
        for source in map(int, self._lines_seen(condition, np.array([line]))[0]):
            shift = (source - line) << LINE_BITS
            low = int(np.searchsorted(found.end, start + shift, "left"))
            high = int(np.searchsorted(found.start, end + shift, "right"))
            for i in range(low, min(high, low + MAX_EVIDENCE_PLACES)):
                yield self._describe(condition, source, int(found.start[i]), int(found.end[i]))

    def _lines_seen(self, leaf: Leaf, lines: Ticks) -> tuple[Ticks, Ticks]:
        """Pairs (line looked at, line looked from), ascending in the latter."""
        batch = self._batch
        if isinstance(leaf, ActivityCondition):
            return batch.first_line[batch.call_of_line[lines]], lines
        if leaf.role is None:
            return lines, lines
        eligible = np.flatnonzero(np.isin(batch.roles, leaf.role))
        calls, asked = batch.call_of_line[eligible], batch.call_of_line[lines]
        owner, index = spread_ranges(
            np.searchsorted(calls, asked, "left"), np.searchsorted(calls, asked, "right")
        )
        return eligible[index], lines[owner]

    def _find(self, leaf: Leaf) -> Stretches:
        """Where a leaf holds on the lines it looks at."""
        if id(leaf) not in self._found:
            self._found[id(leaf)] = self._search(leaf)
        return self._found[id(leaf)]

    def _search(self, leaf: Leaf) -> Stretches:
        match leaf:
            case EmotionCondition() | CombinationCondition():
                return self._find_emotion(leaf)
            case LoudnessCondition():
                return self._find_rises(leaf)
            case ActivityCondition():
                return self._find_activity(leaf)
            case TextCondition():
                return self._find_text(leaf)

    def _find_emotion(self, leaf: EmotionCondition | CombinationCondition) -> Stretches:
        pieces = self._batch.pieces
        columns = [pieces.posteriors[EMOTIONS.index(emotion)] for emotion in leaf.emotions]
        values = columns[0]
        for column in columns[1:]:
            values = values + column
        if isinstance(leaf, CombinationCondition):
            for emotion, floor in leaf.floors.items():
                enough = pieces.posteriors[EMOTIONS.index(emotion)] >= floor - _TOLERANCE
                values = np.where(enough, values, 0.0)
        self._values[id(leaf)] = values
        return _sustain(leaf, (pieces.start, pieces.end), values, leaf.level_on, leaf.level_off)

    def _find_rises(self, leaf: LoudnessCondition) -> Stretches:
        """Segments against the mean level, in dB, of their channel's speech before them."""
        speech = self._batch.speech
        if not speech.segments:
            return NONE
        levels = np.array([segment.level_dbfs for segment in speech.segments])
        # Whole hundredths of dB and milliseconds: sums are exact, whatever else is in the batch.
        spoken_ms = (speech.end - speech.start) // 1000
        weighted = np.rint(levels * 100).astype(np.int64) * spoken_ms
        before = np.searchsorted(speech.line, speech.line, "left")
        earlier_ms = _sum_before(spoken_ms, before)
        known = earlier_ms >= us(leaf.baseline_sec) // 1000
        baseline = _sum_before(weighted, before) / np.maximum(earlier_ms, 1) / 100
        rises = np.where(known, levels - baseline, 0.0)
        self._values[id(leaf)] = rises
        pieces = speech.start[known], speech.end[known]
        return _sustain(leaf, pieces, rises[known], leaf.rise_db, leaf.rise_db)

    def _find_activity(self, leaf: ActivityCondition) -> Stretches:
        batch = self._batch
        if leaf.acoustic == "silence":
            first = batch.first_line[:-1][np.diff(batch.first_line) > 0] << LINE_BITS
            last = first + batch.duration[np.diff(batch.first_line) > 0]
            found = find_gaps(batch.talking, first, last)
        else:
            line = batch.talking_apart.line
            shift = (line - batch.first_line[batch.call_of_line[line]]) << LINE_BITS
            found = find_depth(
                batch.talking_apart.start - shift, batch.talking_apart.end - shift, depth=2
            )
        return last_out(found, duration_us=us(leaf.duration_sec), keep_us=us(leaf.keep_firing_sec))

    def _find_text(self, leaf: TextCondition) -> Stretches:
        batch, text = self._batch, leaf.text
        window_start, window_end = batch.line_start, batch.line_end
        if text.first_sec is not None:
            window_end = np.minimum(window_end, window_start + us(text.first_sec))
        if text.last_sec is not None:
            window_start = np.maximum(window_start, window_end - us(text.last_sec))
        found: list[Stretches] = []
        places: list[tuple[int, int, Place]] = []
        for pattern in text.patterns:
            sought = batch.spoken_text
            hits = (
                sought.find_regex(pattern.regex)
                if isinstance(pattern, Regex)
                else sought.find_phrase(pattern)
            )
            line = batch.speech.line[[hit.segment for hit in hits]]
            start = to_us(np.array([hit.start_s for hit in hits])) + (line << LINE_BITS)
            end = to_us(np.array([hit.end_s for hit in hits])) + (line << LINE_BITS)
            inside = np.ones(len(hits), np.bool_)
            if text.first_sec is not None:
                inside = start < window_end[line]
            if text.last_sec is not None:
                inside = start >= window_start[line]
            order = np.argsort(start, kind="stable")
            order = order[inside[order]]
            found.append(Stretches(start[order], end[order], end[order]))
            places += [(int(start[i]), int(end[i]), hits[i]) for i in order.tolist()]
        self._places[id(leaf)] = sorted(places)
        if text.none:
            said = np.isin(np.arange(len(batch.roles)), np.concatenate([f.line for f in found]))
            absent = ~said & (window_end > window_start)
            start, end = window_start[absent], window_end[absent]
            return Stretches(start, end, end)
        if text.all:
            return _first_of_all(found, len(batch.roles))
        return last_out(_unite_all(found), duration_us=0, keep_us=us(leaf.keep_firing_sec))

    def _pieces_between(self, leaf: Leaf, start: int, end: int) -> tuple[int, int]:
        at = self._batch.speech if isinstance(leaf, LoudnessCondition) else self._batch.pieces
        return int(np.searchsorted(at.start, start)), int(np.searchsorted(at.end, end, "right"))

    def _describe(self, leaf: Leaf, line: int, start: int, end: int) -> dict[str, Any]:
        """One stretch of a leaf, and what shows it."""
        found: dict[str, Any] = {"condition": _name(leaf), **_seconds(start, end)}
        if isinstance(leaf, ActivityCondition):
            return found
        found["channel"] = self._batch.channel_of(line)
        found["role"] = str(self._batch.roles[line])
        if isinstance(leaf, TextCondition):
            return found | self._describe_said(leaf, start, end)
        if isinstance(leaf, LoudnessCondition):
            return found | self._describe_rise(leaf, start, end)
        return found | self._describe_emotion(leaf, start, end)

    def _describe_said(self, leaf: TextCondition, start: int, end: int) -> dict[str, Any]:
        if leaf.text.none:
            return {"not_said": [_pattern_text(p) for p in leaf.text.none[:MAX_EVIDENCE_PLACES]]}
        places = self._places[id(leaf)]
        low = bisect_left(places, start, key=lambda place: place[0])
        high = bisect_right(places, end, key=lambda place: place[0])
        shown = places[low : min(high, low + MAX_EVIDENCE_PLACES)]
        return {
            "matches": [{**_seconds(begin, until), "said": hit.said} for begin, until, hit in shown]
        }

    def _describe_rise(self, leaf: LoudnessCondition, start: int, end: int) -> dict[str, Any]:
        first, last = self._pieces_between(leaf, start, end)
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
        """The levels, and the emotions in at most `MAX_EVIDENCE_POINTS` pieces."""
        first, last = self._pieces_between(leaf, start, end)
        index = _thin(np.arange(first, last), self._values[id(leaf)])
        pieces = self._batch.pieces
        windows = {"start_s": _to_seconds(pieces.start[index])}
        windows["end_s"] = _to_seconds(pieces.end[index])
        for emotion in leaf.emotions:
            column = pieces.posteriors[EMOTIONS.index(emotion), index]
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
    """At most `MAX_EVIDENCE_POINTS`, evenly; first, last and highest always stay."""
    if len(index) <= MAX_EVIDENCE_POINTS:
        return index
    evenly = np.linspace(0, len(index) - 1, MAX_EVIDENCE_POINTS - 1).round().astype(np.intp)
    return index[np.union1d(evenly, [np.argmax(values[index])])]


def _to_seconds(ticks: Ticks) -> list[float]:
    """Seconds from the recording's start, to the millisecond."""
    return ((ticks & ((1 << LINE_BITS) - 1)) / 1e6).round(3).tolist()


def _seconds(start: int, end: int) -> dict[str, float]:
    start_s, end_s = _to_seconds(np.array([start, end]))
    return {"start_s": start_s, "end_s": end_s}


def _pattern_text(pattern: str | Regex) -> str:
    return pattern.regex if isinstance(pattern, Regex) else pattern


def _sustain(
    leaf: EmotionCondition | CombinationCondition | LoudnessCondition,
    pieces: tuple[Ticks, Ticks],
    values: Floats,
    level_on: float,
    level_off: float,
) -> Stretches:
    return sustain(
        *pieces,
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


def _unite_all(parts: Sequence[Stretches]) -> Stretches:
    return unite(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.fired for part in parts]),
    )


def _first_of_all(found: Sequence[Stretches], lines: int) -> Stretches:
    """On each line that has all, from the first place to where the last was first found."""
    start = np.full(lines, np.iinfo(np.int64).max)
    end = np.zeros(lines, np.int64)
    has_all = np.ones(lines, np.bool_)
    for part in found:
        line, first = np.unique(part.line, return_index=True)
        has_all &= np.isin(np.arange(lines), line)
        start[line] = np.minimum(start[line], part.start[first])
        end[line] = np.maximum(end[line], part.end[first])
    start, end = start[has_all], end[has_all]
    return Stretches(start, end, end)
