"""Conditions on the words of a channel: phrases and regular expressions, found or missing."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from callqa_assets.domain.rules.conditions.keys import Keys, Seconds, SomeSeconds, one_or_many
from callqa_assets.domain.rules.conditions.leaf import (
    MAX_EVIDENCE_PLACES,
    ChannelLeaf,
    Found,
    describe_times,
)
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import (
    LANE_BITS,
    Intervals,
    keep_lasting,
    to_us,
    unite_all,
    us,
)
from callqa_assets.domain.text.patterns import MAX_PROGRAM_SIZE, RegexError, compile_regex, fold
from callqa_assets.domain.text.spoken_text import Match

MAX_PATTERN_LENGTH = 200
MAX_PHRASES = 200

_BEYOND_LINES = re.compile(r"\\Q.*?(?:\\E|$)|(\\[AzC])|\\.|(\(\?[imsU]*-[imsU]*m)", re.DOTALL)
"""What lets a pattern match across segments: all segments of a batch are searched as one text."""


class Regex(Keys):
    """A pattern in RE2's syntax, searched in the text as transcribed; case does not matter."""

    regex: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_LENGTH)]

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            compiled = compile_regex(pattern)
        except RegexError as error:
            raise ValueError(f"not a regular expression of RE2 ({error})") from error
        for quoted, flags in _BEYOND_LINES.findall(pattern):
            if quoted or flags:
                raise ValueError(
                    f"`{quoted or flags}` can match across segments; `^` and `$` are the limits "
                    "of a segment, `.` is any character in it"
                )
        if compiled.programsize > MAX_PROGRAM_SIZE:
            raise ValueError(
                f"compiles to {compiled.programsize:,} steps, at most {MAX_PROGRAM_SIZE:,}; "
                "repeat less"
            )
        if compiled.search("") is not None:
            raise ValueError("matches empty text; require at least one character")
        return pattern


def _has_letters(phrase: str) -> str:
    if not fold(phrase):
        raise ValueError("has no letter or digit; spaces and punctuation are not compared")
    return phrase


Phrase = Annotated[str, Field(max_length=MAX_PATTERN_LENGTH), AfterValidator(_has_letters)]


def _kind_of_pattern(value: object) -> str:
    return "<regex>" if isinstance(value, dict | Regex) else "<phrase>"


Pattern = Annotated[
    Annotated[Phrase, Tag("<phrase>")] | Annotated[Regex, Tag("<regex>")],
    Discriminator(_kind_of_pattern),
]
Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(one_or_many), Field(min_length=1, max_length=MAX_PHRASES)
]


class Text(Keys):
    """What is found, or not found, in the text of a part of the call."""

    any: Patterns | None = None
    all: Patterns | None = None
    none: Patterns | None = None
    first_sec: SomeSeconds | None = None
    last_sec: SomeSeconds | None = None

    @model_validator(mode="after")
    def _one_question(self) -> Text:
        asked = [key for key in ("any", "all", "none") if getattr(self, key) is not None]
        if len(asked) != 1:
            raise ValueError(
                f"needs one of `any`, `all` and `none`, and has {' and '.join(asked) or 'none'}"
            )
        if self.first_sec is not None and self.last_sec is not None:
            raise ValueError("`first_sec` and `last_sec` exclude each other; delete one")
        return self

    @property
    def patterns(self) -> tuple[str | Regex, ...]:
        return self.any or self.all or self.none or ()


class TextCondition(ChannelLeaf):
    """Phrases found, or not found."""

    key: ClassVar[str] = "text"
    text: Text = Field(examples=["{any: [退款]}"])
    keep_firing_sec: Seconds = 0.0
    """Time between two places that makes them one interval."""

    def find(self, batch: CallBatch) -> FoundText:
        text = self.text
        window_start, window_end = batch.lane_start, batch.lane_end
        if text.first_sec is not None:
            window_end = np.minimum(window_end, window_start + us(text.first_sec))
        if text.last_sec is not None:
            window_start = np.maximum(window_start, window_end - us(text.last_sec))
        found: list[Intervals] = []
        places: list[tuple[int, int, Match]] = []
        for pattern in text.patterns:
            hits = _locate(pattern, batch)
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
            places += [(int(start[i]), int(end[i]), hits[i]) for i in order.tolist()]
        if text.none:
            present = np.isin(np.arange(len(batch.roles)), np.concatenate([f.lane for f in found]))
            absent = ~present & (window_end > window_start)
            intervals = Intervals(window_start[absent], window_end[absent], window_end[absent])
        elif text.all:
            intervals = _first_of_all(found, len(batch.roles))
        else:
            keep_us = us(self.keep_firing_sec)
            intervals = keep_lasting(unite_all(found), duration_us=0, keep_us=keep_us)
        return FoundText(intervals, text, sorted(places))


@dataclass(frozen=True)
class FoundText(Found):
    """Intervals of words, or of their absence."""

    text: Text
    places: Sequence[tuple[int, int, Match]]
    """(start, end, place) of every pattern, ascending."""

    def explain(self, start: int, end: int) -> dict[str, Any]:
        """The words found there; where they are absent, what was sought."""
        if self.text.none:
            sought = self.text.none[:MAX_EVIDENCE_PLACES]
            return {"not_said": [p.regex if isinstance(p, Regex) else p for p in sought]}
        low = bisect_left(self.places, start, key=lambda place: place[0])
        high = bisect_right(self.places, end, key=lambda place: place[0])
        shown = self.places[low : min(high, low + MAX_EVIDENCE_PLACES)]
        return {
            "matches": [
                {**describe_times(begin, until), "said": hit.text} for begin, until, hit in shown
            ]
        }


def _locate(pattern: str | Regex, batch: CallBatch) -> Sequence[Match]:
    sought = batch.spoken_text
    if isinstance(pattern, Regex):
        return sought.find_regex(pattern.regex)
    return sought.find_phrase(pattern)


def _first_of_all(found: Sequence[Intervals], lines: int) -> Intervals:
    """On each lane that has all, from the first place to where the last was first found."""
    start = np.full(lines, np.iinfo(np.int64).max)
    end = np.zeros(lines, np.int64)
    has_all = np.ones(lines, np.bool_)
    for part in found:
        lane, first = np.unique(part.lane, return_index=True)
        has_all &= np.isin(np.arange(lines), lane)
        start[lane] = np.minimum(start[lane], part.start[first])
        end[lane] = np.maximum(end[lane], part.end[first])
    start, end = start[has_all], end[has_all]
    return Intervals(start, end, end)
