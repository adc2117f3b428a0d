"""Where phrases are said: search in the words of many segments at once.

Phrases are compared as letters and digits alone; regular expressions see the text as it was
transcribed. What follows from a phrase stands in `alerting_conditions`.
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

from callqa_assets.domain.rules.call_input import SpokenSegment
from callqa_assets.domain.text.patterns import compile_regex, fold, widen

_SHORTEST_PLACE_S = 0.01
"""A word may be reported with no length at all."""


class Place(NamedTuple):
    """Where a pattern was found, in seconds from the recording's start."""

    segment: int
    """Index in the list that was searched."""
    start_s: float
    end_s: float
    said: str
    """The words found, as transcribed."""


@dataclass(frozen=True)
class SpokenText:
    """The words of many segments, one line each, searched all at once.

    Normalised and raw text both count. A place has the times of its words; where the words do not
    add up to the text, those of its segment.
    """

    segments: Sequence[SpokenSegment]

    def find_phrase(self, phrase: str) -> list[Place]:
        """Every place of a phrase, whatever the spaces, punctuation, width and case."""
        return self._locate(_find_all(self._folded.text, fold(phrase)), self._folded, folded=True)

    def find_regex(self, pattern: str) -> list[Place]:
        """Every place of a regular expression that is not empty."""
        matches = (match.span() for match in compile_regex(pattern).finditer(self._wide.text))
        return self._locate((s for s in matches if s[0] < s[1]), self._wide, folded=False)

    @cached_property
    def _wide(self) -> _Lines:
        texts = [s.text for s in self.segments] + [s.text_raw for s in self.segments]
        return _Lines(widen("\n".join(text.replace("\n", " ") for text in texts)))

    @cached_property
    def _folded(self) -> _Lines:
        return _Lines(fold(self._wide.text))

    @cached_property
    def _clocks(self) -> dict[int, _WordClock | None]:
        return {}

    def _locate(
        self, spans: Iterator[tuple[int, int]], lines: _Lines, *, folded: bool
    ) -> list[Place]:
        found = np.array(list(spans), np.int64).reshape(-1, 2)
        if not len(found):
            return []
        number = np.searchsorted(lines.ends, found[:, 0], "left")
        raw = number >= len(self.segments)
        segment = number % len(self.segments)
        # What both texts have is one place.
        chosen = raw | ~np.isin(segment, segment[raw])
        line_start = lines.starts[number]
        order = np.lexsort((found[:, 0], segment))
        places: list[Place] = []
        for i in order[chosen[order]]:
            said = lines.text[found[i, 0] : found[i, 1]]
            before = lines.text[line_start[i] : found[i, 0]]
            skipped = len(before if folded else fold(before))
            letters = range(skipped, skipped + max(1, len(said if folded else fold(said))))
            places.append(self._place(int(segment[i]), letters, said, raw=bool(raw[i])))
        return places

    def _place(self, segment: int, letters: range, said: str, *, raw: bool) -> Place:
        spoken = self.segments[segment]
        if segment not in self._clocks:
            self._clocks[segment] = _WordClock.of(spoken)
        clock = self._clocks[segment]
        in_raw = letters if raw else _letters_in_raw(spoken, letters)
        start_s, end_s = spoken.start_s, spoken.end_s
        if clock is not None and in_raw is not None:
            # Models place words a little outside of what they were given.
            start_s, end_s = np.clip(clock.times(in_raw), start_s, end_s).tolist()
        return Place(segment, start_s, max(end_s, start_s + _SHORTEST_PLACE_S), said)


class _Lines:
    """Text with the limits of its lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        self.ends: NDArray[np.int64] = np.append(np.flatnonzero(codes == ord("\n")), len(codes))
        self.starts: NDArray[np.int64] = np.concatenate([[0], self.ends[:-1] + 1])


@dataclass(frozen=True)
class _WordClock:
    """When each letter of a segment's raw text was said."""

    ends: Sequence[int]
    """Letters up to and with each word."""
    words: Sequence[Any]

    @classmethod
    def of(cls, segment: SpokenSegment) -> _WordClock | None:
        """None where the words do not add up to the text."""
        words = [word for word in json.loads(segment.words) if fold(word["word"])]
        ends = list(accumulate(len(fold(word["word"])) for word in words))
        whole = bool(ends) and ends[-1] == len(fold(segment.text_raw))
        return cls(ends, words) if whole else None

    def times(self, letters: range) -> tuple[float, float]:
        """Seconds in which these letters were said."""
        last = len(self.words) - 1
        begin = self.words[min(bisect_right(self.ends, letters.start), last)]
        end = self.words[min(bisect_left(self.ends, letters.stop), last)]
        return float(begin["start_s"]), float(end["end_s"])


def _letters_in_raw(segment: SpokenSegment, letters: range) -> range | None:
    """The letters of the raw text that stand for these of the normalised one.

    None where what is stored does not say how the two correspond.
    """
    pieces: list[list[int]] = json.loads(segment.alignment)
    growth = sum((raw_end - raw_start) - (end - start) for raw_start, raw_end, start, end in pieces)
    if len(segment.text_raw) - len(segment.text) != growth:
        return None
    upto = list(accumulate(len(fold(character)) for character in segment.text))
    begin, stop = bisect_right(upto, letters.start), bisect_left(upto, letters.stop) + 1
    raw_begin, raw_stop = begin, stop
    for raw_start, raw_end, start, end in pieces:
        if begin >= start:
            raw_begin = raw_start if begin < end else begin + raw_end - end
        if stop > start:
            raw_stop = raw_end if stop <= end else stop + raw_end - end
    first = len(fold(segment.text_raw[:raw_begin]))
    return range(first, max(first + 1, len(fold(segment.text_raw[:raw_stop]))))


def _find_all(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    at = text.find(phrase)
    while at >= 0:
        yield at, at + len(phrase)
        at = text.find(phrase, at + len(phrase))
