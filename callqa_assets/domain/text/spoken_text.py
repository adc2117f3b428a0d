"""What was said, with the times of its words, and the search for phrases in many segments at once.

Phrases are compared as letters and digits alone (`fold`); regular expressions see the text as it
was transcribed.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.text.alignment import find_in_raw
from callqa_assets.domain.text.patterns import compile_regex, fold, widen

_SHORTEST_MATCH_S = 0.01
"""A transcriber may give a word a duration of 0."""


class SpokenSegment(NamedTuple):
    """A speech segment of one channel with its transcript; seconds from the recording's start."""

    channel: int
    start_s: float
    end_s: float
    level_dbfs: float = -100.0
    text: str = ""
    text_raw: str = ""
    words: str = "[]"
    """The words of `text_raw` as JSON, [{"word", "start_s", "end_s"}, …]: parsed only where a
    phrase matches. Without words, a match has its segment's times."""
    alignment: str = "[]"
    """JSON, [[raw_start, raw_end, start, end], …]: where `text_raw` and `text` differ."""
    segment_no: int = 0
    role: str = "mixed"
    language: str = ""
    """ISO 639 code; empty: no transcript."""
    confidence: float = 0.0


class Match(NamedTuple):
    """Where a pattern matches, in seconds from the recording's start."""

    segment: int
    """Index in the list of segments that was searched."""
    start_s: float
    end_s: float
    text: str
    """The matched text, as transcribed."""
    in_raw: range | None = None
    """Its letters among those of the segment's folded raw text; None where they are not known."""

    def overlaps(self, other: Match) -> bool:
        """Whether they share words; by their times where it is not known which words they are."""
        if self.segment != other.segment:
            return False
        if self.in_raw is None or other.in_raw is None:
            return self.start_s < other.end_s and other.start_s < self.end_s
        return self.in_raw.start < other.in_raw.stop and other.in_raw.start < self.in_raw.stop


@dataclass(frozen=True)
class SpokenText:
    """The transcripts of many segments, one line each, searched all at once.

    Normalised and raw text both count. A match has the times of its words; where the words do not
    add up to the text, those of its segment.
    """

    segments: Sequence[SpokenSegment]

    def find_phrase(self, phrase: str) -> list[Match]:
        """Every match of a phrase; spaces, punctuation, width and case do not matter."""
        return self._locate(_find_all(self._folded.text, fold(phrase)), self._folded, folded=True)

    def find_regex(self, pattern: str) -> list[Match]:
        """Every match of a regular expression that is not empty."""
        spans = (match.span() for match in compile_regex(pattern).finditer(self._wide.text))
        return self._locate((s for s in spans if s[0] < s[1]), self._wide, folded=False)

    @cached_property
    def _wide(self) -> _Lines:
        texts = [s.text for s in self.segments] + [s.text_raw for s in self.segments]
        return _Lines(widen("\n".join(text.replace("\n", " ") for text in texts)))

    @cached_property
    def _folded(self) -> _Lines:
        return _Lines(fold(self._wide.text))

    @cached_property
    def _word_times(self) -> dict[int, _WordTimes | None]:
        return {}

    def _locate(
        self, spans: Iterator[tuple[int, int]], lines: _Lines, *, folded: bool
    ) -> list[Match]:
        found = np.array(list(spans), np.int64).reshape(-1, 2)
        if not len(found):
            return []
        number = np.searchsorted(lines.ends, found[:, 0], "left")
        raw = number >= len(self.segments)
        segment = number % len(self.segments)
        # A match in both texts counts once.
        chosen = raw | ~np.isin(segment, segment[raw])
        line_start = lines.starts[number]
        order = np.lexsort((found[:, 0], segment))
        matches: list[Match] = []
        for i in order[chosen[order]]:
            said = lines.text[found[i, 0] : found[i, 1]]
            before = lines.text[line_start[i] : found[i, 0]]
            skipped = len(before if folded else fold(before))
            positions = range(skipped, skipped + max(1, len(said if folded else fold(said))))
            matches.append(self._match(int(segment[i]), positions, said, raw=bool(raw[i])))
        return matches

    def _match(self, segment: int, positions: range, said: str, *, raw: bool) -> Match:
        spoken = self.segments[segment]
        if segment not in self._word_times:
            self._word_times[segment] = _WordTimes.of(spoken)
        times = self._word_times[segment]
        in_raw = positions if raw else _find_in_raw(spoken, positions)
        start_s, end_s = _seconds_of(spoken, times, in_raw)
        return Match(segment, start_s, end_s, said, in_raw)


def seconds_of(segment: SpokenSegment, start: int, end: int) -> tuple[float, float]:
    """When characters `start` to `end` of the segment's `text` were said, by its words' times.

    Seconds from the recording's start, inside the segment; the segment's own where its words do not
    add up to its text.
    """
    first = len(fold(segment.text[:start]))
    positions = range(first, first + max(1, len(fold(segment.text[start:end]))))
    return _seconds_of(segment, _WordTimes.of(segment), _find_in_raw(segment, positions))


def raw_seconds_of(segment: SpokenSegment, start: int, end: int) -> tuple[float, float]:
    """As `seconds_of`, for characters of the segment's `text_raw`."""
    first = len(fold(segment.text_raw[:start]))
    positions = range(first, first + max(1, len(fold(segment.text_raw[start:end]))))
    return _seconds_of(segment, _WordTimes.of(segment), positions)


def _seconds_of(
    segment: SpokenSegment, times: _WordTimes | None, in_raw: range | None
) -> tuple[float, float]:
    start_s, end_s = segment.start_s, segment.end_s
    if times is not None and in_raw is not None:
        # Models place words slightly outside their segment.
        start_s, end_s = np.clip(times.of_range(in_raw), start_s, end_s).tolist()
    return start_s, max(end_s, start_s + _SHORTEST_MATCH_S)


class _Lines:
    """Text with the limits of its lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        self.ends: NDArray[np.int64] = np.append(np.flatnonzero(codes == ord("\n")), len(codes))
        self.starts: NDArray[np.int64] = np.concatenate([[0], self.ends[:-1] + 1])


@dataclass(frozen=True)
class _WordTimes:
    """The times of a segment's words, by position in its folded raw text."""

    ends: Sequence[int]
    """Folded characters up to the end of each word."""
    words: Sequence[Any]

    @classmethod
    def of(cls, segment: SpokenSegment) -> _WordTimes | None:
        """None where the words do not add up to the text."""
        words = [word for word in json.loads(segment.words) if fold(word["word"])]
        ends = list(accumulate(len(fold(word["word"])) for word in words))
        whole = bool(ends) and ends[-1] == len(fold(segment.text_raw))
        return cls(ends, words) if whole else None

    def of_range(self, positions: range) -> tuple[float, float]:
        """Start and end in seconds of these positions."""
        last = len(self.words) - 1
        begin = self.words[min(bisect_right(self.ends, positions.start), last)]
        end = self.words[min(bisect_left(self.ends, positions.stop), last)]
        return float(begin["start_s"]), float(end["end_s"])


def _find_in_raw(segment: SpokenSegment, positions: range) -> range | None:
    """Positions in the folded raw text that correspond to these of the folded normalised text.

    None where the stored alignment does not fit the two texts.
    """
    upto = list(accumulate(len(fold(character)) for character in segment.text))
    begin, stop = bisect_right(upto, positions.start), bisect_left(upto, positions.stop) + 1
    edits = json.loads(segment.alignment)
    in_raw = find_in_raw(edits, segment.text_raw, segment.text, begin, stop)
    if in_raw is None:
        return None
    raw_begin, raw_stop = in_raw
    first = len(fold(segment.text_raw[:raw_begin]))
    return range(first, max(first + 1, len(fold(segment.text_raw[:raw_stop]))))


def _find_all(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    at = text.find(phrase)
    while at >= 0:
        yield at, at + len(phrase)
        at = text.find(phrase, at + len(phrase))
