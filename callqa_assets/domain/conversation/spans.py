"""When somebody really speaks: spans of words, not VAD segments.

A VAD segment ends most of a second after its last word and swallows pauses; overlaps and silences
of segments are therefore ones that nobody hears.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from callqa_assets.domain.text.spoken_text import SpokenSegment

MAX_GAP_MS = 300
"""Words this close belong to one span: shorter pauses are part of speaking."""
MAX_BELOW_USUAL_DB = 15.0
"""A speaker is never this far below their own usual level on the telephone: on real calls the
quietest speech is 12 dB below, and what leaks or hums 15 to 56 dB."""
_SHORTEST_MS = 10
"""A transcriber may give a word a duration of 0."""

_HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿𠀀-𯿿〇]")
_WORD = re.compile(r"[^\W㐀-䶿一-鿿豈-﫿𠀀-𯿿〇]+(?:['’.-]?[^\W㐀-䶿一-鿿豈-﫿𠀀-𯿿〇]+)*")


Word = tuple[int, int, str]
"""(start_ms, end_ms, text), from the recording's start."""


class Span(NamedTuple):
    """A stretch in which a channel speaks, in milliseconds from the recording's start."""

    start_ms: int
    end_ms: int
    han: int
    """Han characters said in it."""
    words: int
    """Other words and numbers."""

    @property
    def units(self) -> int:
        """Han characters and other words."""
        return self.han + self.words


class ChannelSpans(NamedTuple):
    spans: list[Span]
    """Ascending, disjoint, more than `MAX_GAP_MS` apart."""
    unheard_ms: int
    """Length of the segments in which nothing counts as said."""
    wordless: list[tuple[int, int]]
    """(start_ms, end_ms) of those of them at the channel's usual level."""


def find_spans(segments: Sequence[SpokenSegment]) -> ChannelSpans:
    """The spans of one channel's segments, in any order.

    A segment without the times of any word counts as unheard, and so does one that is far below
    the channel's level: what leaks from the other channel, or noise, with words that a recogniser
    made of it.
    """
    lowest_dbfs = _usual_level(segments) - MAX_BELOW_USUAL_DB
    words: list[Word] = []
    unheard_ms = 0
    wordless: list[tuple[int, int]] = []
    for segment in segments:
        is_loud = segment.level_dbfs >= lowest_dbfs
        found = find_words(segment) if is_loud else []
        words += found
        if not found:
            start_ms, end_ms = to_ms(segment.start_s), to_ms(segment.end_s)
            unheard_ms += end_ms - start_ms
            if is_loud:
                wordless.append((start_ms, end_ms))
    return ChannelSpans(_merge(words), unheard_ms, wordless)


def has_word_times(segments: Iterable[SpokenSegment]) -> bool:
    """Whether the words' times are known, where anything is transcribed."""
    return any(segment.language for segment in segments) and not any(
        segment.text_raw and segment.words == "[]" for segment in segments
    )


def find_words(segment: SpokenSegment) -> list[Word]:
    """The segment's words that have a letter or digit, inside the segment."""
    start_ms, end_ms = to_ms(segment.start_s), to_ms(segment.end_s)
    found: list[Word] = []
    entries: list[dict[str, Any]] = json.loads(segment.words)
    for entry in entries:
        text: str = entry["word"]
        # A word is mostly one character, of which Python need not make an iterator.
        if not (text.isalnum() or any(character.isalnum() for character in text)):
            continue
        begin, end = round(entry["start_s"] * 1000), round(entry["end_s"] * 1000)
        if begin < start_ms or end > end_ms or end - begin < _SHORTEST_MS:
            # Models place words slightly outside their segment.
            begin = min(max(begin, start_ms), end_ms - _SHORTEST_MS)
            end = min(max(end, begin + _SHORTEST_MS), end_ms)
        found.append((begin, end, text))
    return found


def _usual_level(segments: Sequence[SpokenSegment]) -> float:
    """The level of the middle second of the channel's segments, dBFS; -100 without any."""
    left = sum(segment.end_s - segment.start_s for segment in segments) / 2
    for segment in sorted(segments, key=lambda segment: segment.level_dbfs):
        left -= segment.end_s - segment.start_s
        if left <= 0:
            return segment.level_dbfs
    return -100.0


def _merge(words: list[Word]) -> list[Span]:
    spans: list[Span] = []
    begin = end = 0
    parts: list[str] = []
    for start_ms, end_ms, word in sorted(words):
        if parts and start_ms - end <= MAX_GAP_MS:
            end = max(end, end_ms)
        else:
            if parts:
                spans.append(_span(begin, end, parts))
            begin, end, parts = start_ms, end_ms, []
        parts.append(word)
    if parts:
        spans.append(_span(begin, end, parts))
    return spans


def _span(start_ms: int, end_ms: int, parts: Sequence[str]) -> Span:
    text = " ".join(parts)
    return Span(start_ms, end_ms, len(_HAN.findall(text)), len(_WORD.findall(text)))


def to_ms(seconds: float) -> int:
    return round(seconds * 1000)
