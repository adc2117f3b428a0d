"""Calls laid out as flat arrays, so that a condition is judged on all of them at once.

What is found there is the conditions' business (`alerting_conditions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    ChannelTrack,
    SpokenSegment,
)
from callqa_assets.domain.rules.engine.intervals import (
    LINE_BITS,
    MAX_LINE_US,
    NONE,
    Floats,
    Stretches,
    Ticks,
    to_us,
    unite,
    us,
)
from callqa_assets.domain.rules.engine.phrases import SpokenText


@dataclass(frozen=True)
class Pieces:
    """Emotion windows as disjoint pieces of time, ascending, one for each known window."""

    start: Ticks
    end: Ticks
    posteriors: Floats
    """Shape [9, n]."""


@dataclass(frozen=True)
class Speech:
    """Spoken segments in the order of lines and time."""

    segments: Sequence[SpokenSegment]
    start: Ticks
    end: Ticks
    line: Ticks


class CallBatch:
    """Calls laid out as lines: one a channel, those of a call one after the other."""

    def __init__(self, calls: Sequence[tuple[CallContext, CallAnnotations]]) -> None:
        self.calls = [context for context, _ in calls]
        channels = np.array([len(call.roles) for call in self.calls], np.int64)
        self.first_line: Ticks = np.concatenate([[0], np.cumsum(channels)])
        self.roles = np.array([role for call in self.calls for role in call.roles], np.str_)
        self.call_of_line: Ticks = np.repeat(np.arange(len(self.calls)), channels)
        self.duration: Ticks = to_us(np.array([call.duration_s for call in self.calls]))
        for call in calls:
            _check(*call)
        self.pieces = self._tile([annotations.tracks for _, annotations in calls])
        self.speech = self._order([annotations.segments for _, annotations in calls])

    @property
    def line_start(self) -> Ticks:
        return np.arange(len(self.roles)) << LINE_BITS

    @property
    def line_end(self) -> Ticks:
        return self.line_start + self.duration[self.call_of_line]

    def channel_of(self, line: int) -> int:
        return line - int(self.first_line[self.call_of_line[line]])

    @cached_property
    def spoken_text(self) -> SpokenText:
        return SpokenText(self.speech.segments)

    @cached_property
    def talking(self) -> Stretches:
        """Where anybody speaks, on the first line of each call."""
        line = self.first_line[self.call_of_line[self.speech.line]]
        return _united_on(self.speech, line)

    @cached_property
    def talking_apart(self) -> Stretches:
        """Where each channel speaks, on its own line."""
        return _united_on(self.speech, self.speech.line)

    def _tile(self, tracks: Sequence[Sequence[ChannelTrack]]) -> Pieces:
        """Cut each channel's speech among its overlapping windows.

        Neighbours in a segment meet half-way between their centres; the first and last windows
        of a segment speak for its edges too. Where windows lack, their neighbours speak for no
        more than half a hop, and the rest is a gap.
        """
        parts = [
            (int(self.first_line[number]) + track.channel, track)
            for number, call in enumerate(tracks)
            for track in call
            if len(track.segment_no)
        ]
        if not parts:
            return Pieces(NONE.start, NONE.start, np.zeros((len(EMOTIONS), 0)))
        sizes = [len(track.segment_no) for _, track in parts]
        line = np.repeat(np.array([line for line, _ in parts], np.int64), sizes)
        hop_s = np.repeat(np.array([track.hop_s for _, track in parts]), sizes)
        segment_no = np.concatenate([track.segment_no for _, track in parts])
        start_s = np.concatenate([track.start_s for _, track in parts]).astype(np.float64)
        end_s = np.concatenate([track.end_s for _, track in parts]).astype(np.float64)
        posteriors = np.concatenate([track.posteriors for _, track in parts]).astype(np.float64)

        order = np.lexsort((end_s, segment_no, start_s, line))
        line, segment_no, hop_s = line[order], segment_no[order], hop_s[order]
        start_s, end_s = start_s[order], end_s[order]
        centre_s = (start_s + end_s) / 2
        neighbours = (segment_no[1:] == segment_no[:-1]) & (line[1:] == line[:-1])
        # Windows sit on whole frames, so hops vary a little: a window lacks from 1.5 hops on.
        complete = np.diff(centre_s) < 1.5 * hop_s[1:]
        middle_s = (centre_s[1:] + centre_s[:-1]) / 2
        until_s = np.where(complete, middle_s, centre_s[:-1] + hop_s[:-1] / 2)
        from_s = np.where(complete, middle_s, centre_s[1:] - hop_s[1:] / 2)
        end_s[:-1] = np.where(neighbours, until_s, end_s[:-1])
        start_s[1:] = np.where(neighbours, from_s, start_s[1:])

        posteriors = np.ascontiguousarray(posteriors[order].T)
        known = ~np.isnan(posteriors).any(axis=0)
        base = line << LINE_BITS
        return Pieces(
            (to_us(start_s) + base)[known],
            (to_us(end_s) + base)[known],
            np.ascontiguousarray(posteriors[:, known]),
        )

    def _order(self, segments: Sequence[Sequence[SpokenSegment]]) -> Speech:
        flat = [segment for call in segments for segment in call]
        channel = np.array([segment.channel for segment in flat], np.int64)
        start_s = np.array([segment.start_s for segment in flat])
        sizes = np.array([len(call) for call in segments], np.int64)
        line = np.repeat(self.first_line[:-1], sizes) + channel
        order = np.lexsort((start_s, line))
        base = line[order] << LINE_BITS
        ordered: list[SpokenSegment] = [flat[int(i)] for i in order]
        end_s = np.array([segment.end_s for segment in ordered])
        return Speech(ordered, to_us(start_s[order]) + base, to_us(end_s) + base, line[order])


def _check(context: CallContext, annotations: CallAnnotations) -> None:
    if not 0 <= us(context.duration_s) < MAX_LINE_US:
        raise ValueError(f"a call of {context.duration_s:g} s: rules judge up to six days")
    hops: dict[int, float] = {}
    for track in annotations.tracks:
        if hops.setdefault(track.channel, track.hop_s) != track.hop_s:
            raise ValueError(f"parts of channel {track.channel} disagree in hop")
    channels = {found.channel for found in (*annotations.tracks, *annotations.segments)}
    if strange := sorted(channel for channel in channels if channel >= len(context.roles)):
        raise ValueError(f"channel {strange[0]} was heard, the call has {len(context.roles)}")


def _united_on(speech: Speech, line: Ticks) -> Stretches:
    shift = (line - speech.line) << LINE_BITS
    start, end = speech.start + shift, speech.end + shift
    return unite(start, end, start)
