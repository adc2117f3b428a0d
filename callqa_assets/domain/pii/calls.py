"""Personal data in a whole call: in both texts of each segment, and in answers across channels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from callqa_assets.domain.pii.identifiers import asks_for_code, find_code_in_reply
from callqa_assets.domain.pii.recognise import find_pii
from callqa_assets.domain.pii.spans import PiiSpan
from callqa_assets.domain.text.alignment import find_in_raw, find_in_text
from callqa_assets.domain.text.spoken_text import SpokenSegment, seconds_of

ANSWER_WITHIN_S = 20.0
"""A code that was asked for is read out within this time: its SMS has to arrive first."""

CONTINUES_WITHIN_S = 20.0
"""A number goes on in a later segment of its channel after a pause of this length at most."""


@dataclass(frozen=True)
class SpokenPii:
    """Personal data in a segment, with what is needed to hide it in text and sound."""

    segment: SpokenSegment
    span: PiiSpan
    """In the segment's `text`."""
    raw_start_char: int
    raw_end_char: int
    """In its `text_raw`."""
    start_s: float
    end_s: float
    """Of its words, from the recording's start; of the segment where the words have no times."""


def find_in_call(segments: Sequence[SpokenSegment]) -> list[SpokenPii]:
    """Personal data in the segments of a call, by channel and segment, ascending in each."""
    by_channel: defaultdict[int, list[SpokenSegment]] = defaultdict(list)
    for segment in sorted(segments, key=lambda segment: (segment.channel, segment.segment_no)):
        by_channel[segment.channel].append(segment)
    found: list[tuple[SpokenSegment, list[PiiSpan]]] = []
    for own in by_channel.values():
        for stretch in _cut_at_pauses(own):
            found += zip(stretch, _find_in_stretch(stretch), strict=True)
    _add_answers(found)
    return [_locate(segment, span) for segment, spans in found for span in spans]


def _cut_at_pauses(segments: Sequence[SpokenSegment]) -> Iterator[Sequence[SpokenSegment]]:
    """The segments of a channel in stretches, between which it is silent for too long."""
    begin = 0
    for number, (before, after) in enumerate(pairwise(segments), start=1):
        if after.start_s - before.end_s > CONTINUES_WITHIN_S:
            yield segments[begin:number]
            begin = number
    yield segments[begin:]


def _find_in_stretch(segments: Sequence[SpokenSegment]) -> list[list[PiiSpan]]:
    spans = find_pii([segment.text for segment in segments])
    # What a normaliser makes of a number need not be one any more.
    raw = find_pii([segment.text_raw for segment in segments])
    for segment, known, others in zip(segments, spans, raw, strict=True):
        for other in others:
            if other.confidence == "high":
                _add(known, _from_raw(segment, other))
    return spans


def _from_raw(segment: SpokenSegment, span: PiiSpan) -> PiiSpan:
    """The span of `text` that corresponds to one of `text_raw`; all of it where that is unknown."""
    edits = json.loads(segment.alignment)
    place = find_in_text(edits, segment.text_raw, segment.text, span.start_char, span.end_char) or (
        0,
        len(segment.text),
    )
    return replace(span, start_char=place[0], end_char=place[1])


def _add(spans: list[PiiSpan], new: PiiSpan) -> None:
    """Add a span unless it is empty or touches a known one; they stay ascending."""
    touches = any(
        new.start_char < span.end_char and span.start_char < new.end_char for span in spans
    )
    if new.start_char < new.end_char and not touches:
        spans.append(new)
        spans.sort(key=lambda span: span.start_char)


def _add_answers(found: Iterable[tuple[SpokenSegment, list[PiiSpan]]]) -> None:
    """Codes that one channel asks for and another reads out."""
    asked: dict[int, float] = {}
    for segment, spans in sorted(found, key=lambda pair: (pair[0].start_s, pair[0].channel)):
        waits = any(
            channel != segment.channel and 0 <= segment.start_s - end_s <= ANSWER_WITHIN_S
            for channel, end_s in asked.items()
        )
        code = find_code_in_reply(segment.text) if waits else None
        if code is not None:
            _add(spans, PiiSpan(code.start, code.end, code.kind))
        if asks_for_code(segment.text):
            asked[segment.channel] = segment.end_s


def _locate(segment: SpokenSegment, span: PiiSpan) -> SpokenPii:
    start, end = span.start_char, span.end_char
    raw = find_in_raw(json.loads(segment.alignment), segment.text_raw, segment.text, start, end)
    raw_start, raw_end = raw or (0, len(segment.text_raw))
    return SpokenPii(segment, span, raw_start, raw_end, *seconds_of(segment, start, end))
