"""Calls laid out as flat arrays, so that a condition is evaluated on all of them at once.

The time axis and its lanes are described in `intervals`; conditions are evaluated in `find`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from callqa_assets.domain.conversation.spans import find_spans, has_word_times, to_ms
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    ChannelTrack,
)
from callqa_assets.domain.rules.engine.intervals import (
    LANE_BITS,
    MAX_LANE_US,
    NONE,
    Floats,
    Intervals,
    Ticks,
    to_us,
    unite,
    us,
)
from callqa_assets.domain.text.spoken_text import SpokenSegment, SpokenText


@dataclass(frozen=True)
class Tiles:
    """The share of time that each of n known emotion windows stands for: disjoint, ascending."""

    start: Ticks
    end: Ticks
    posteriors: Floats
    """Shape [9, n]."""


@dataclass(frozen=True)
class Speech:
    """Speech segments, ordered by lane and time."""

    segments: Sequence[SpokenSegment]
    start: Ticks
    end: Ticks
    lane: Ticks


class CallBatch:
    """Calls laid out as lanes: one per channel, those of one call one after the other.

    Raises ValueError for a call longer than a lane, a channel that the call does not have, and
    parts of one channel with different hops.
    """

    def __init__(self, calls: Sequence[tuple[CallContext, CallAnnotations]]) -> None:
        self.calls = [context for context, _ in calls]
        channels = np.array([len(call.roles) for call in self.calls], np.int64)
        self.first_lane: Ticks = np.concatenate([[0], np.cumsum(channels)])
        self.roles = np.array([role for call in self.calls for role in call.roles], np.str_)
        self.call_of_lane: Ticks = np.repeat(np.arange(len(self.calls)), channels)
        self.duration: Ticks = to_us(np.array([call.duration_s for call in self.calls]))
        for call in calls:
            _check(*call)
        self.tiles = self._tile([annotations.tracks for _, annotations in calls])
        self.speech = self._order([annotations.segments for _, annotations in calls])
        self._sounds = [annotations.sounds for _, annotations in calls]

    @property
    def lane_start(self) -> Ticks:
        return np.arange(len(self.roles)) << LANE_BITS

    @property
    def lane_end(self) -> Ticks:
        return self.lane_start + self.duration[self.call_of_lane]

    def channel_of(self, lane: int) -> int:
        return lane - int(self.first_lane[self.call_of_lane[lane]])

    @cached_property
    def spoken_text(self) -> SpokenText:
        return SpokenText(self.speech.segments)

    @cached_property
    def _activity(self) -> tuple[Intervals, Intervals]:
        """What each channel says, on its own lane; and the same with what has no words.

        By the times of words; by segments where these are not known.
        """
        said: list[tuple[int, int, int]] = []
        wordless: list[tuple[int, int, int]] = []
        borders = np.flatnonzero(np.diff(self.speech.lane)) + 1
        for group in np.split(np.arange(len(self.speech.segments)), borders):
            if not len(group):
                continue
            segments = self.speech.segments[group[0] : group[-1] + 1]
            lane = int(self.speech.lane[group[0]])
            if has_word_times(segments):
                found = find_spans(segments)
                said += [(lane, span.start_ms, span.end_ms) for span in found.spans]
                wordless += [(lane, start_ms, end_ms) for start_ms, end_ms in found.wordless]
            else:
                said += [(lane, to_ms(s.start_s), to_ms(s.end_s)) for s in segments]
        return _on_lanes(said), _on_lanes([*said, *wordless])

    @cached_property
    def call_sound(self) -> Intervals:
        """Speech, music and tones on any channel, on the first lane of their call.

        Speech without words counts unless it is far below the channel's level, so that a silence
        is certain.
        """
        flat = [sound for call in self._sounds for sound in call]
        sizes = np.array([len(call) for call in self._sounds], np.int64)
        base = np.repeat(self.first_lane[:-1], sizes) << LANE_BITS
        start = to_us(np.array([sound.start_s for sound in flat])) + base
        end = to_us(np.array([sound.end_s for sound in flat])) + base
        heard = self._activity[1]
        speech = _move(heard, (self.first_lane[self.call_of_lane[heard.lane]] - heard.lane))
        start = np.concatenate([speech.start, start])
        return unite(start, np.concatenate([speech.end, end]), start)

    @cached_property
    def channel_speech(self) -> Intervals:
        """What each channel says, on its own lane."""
        return self._activity[0]

    def _tile(self, tracks: Sequence[Sequence[ChannelTrack]]) -> Tiles:
        """Divide each channel's speech among its overlapping windows.

        Neighbours in a segment meet half-way between their centres; the first and last tiles of a
        segment reach to its edges. Where windows are missing, the tiles beside them reach half a
        hop at most, and the rest is a gap.
        """
        parts = [
            (int(self.first_lane[number]) + track.channel, track)
            for number, call in enumerate(tracks)
            for track in call
            if len(track.segment_no)
        ]
        if not parts:
            return Tiles(NONE.start, NONE.start, np.zeros((len(EMOTIONS), 0)))
        sizes = [len(track.segment_no) for _, track in parts]
        lane = np.repeat(np.array([lane for lane, _ in parts], np.int64), sizes)
        hop_s = np.repeat(np.array([track.hop_s for _, track in parts]), sizes)
        segment_no = np.concatenate([track.segment_no for _, track in parts])
        start_s = np.concatenate([track.start_s for _, track in parts]).astype(np.float64)
        end_s = np.concatenate([track.end_s for _, track in parts]).astype(np.float64)
        posteriors = np.concatenate([track.posteriors for _, track in parts]).astype(np.float64)

        order = np.lexsort((end_s, segment_no, start_s, lane))
        lane, segment_no, hop_s = lane[order], segment_no[order], hop_s[order]
        start_s, end_s = start_s[order], end_s[order]
        centre_s = (start_s + end_s) / 2
        neighbours = (segment_no[1:] == segment_no[:-1]) & (lane[1:] == lane[:-1])
        # Windows sit on whole frames, so hops vary a little: from 1.5 hops on, one is missing.
        complete = np.diff(centre_s) < 1.5 * hop_s[1:]
        middle_s = (centre_s[1:] + centre_s[:-1]) / 2
        until_s = np.where(complete, middle_s, centre_s[:-1] + hop_s[:-1] / 2)
        from_s = np.where(complete, middle_s, centre_s[1:] - hop_s[1:] / 2)
        end_s[:-1] = np.where(neighbours, until_s, end_s[:-1])
        start_s[1:] = np.where(neighbours, from_s, start_s[1:])

        posteriors = np.ascontiguousarray(posteriors[order].T)
        known = ~np.isnan(posteriors).any(axis=0)
        base = lane << LANE_BITS
        return Tiles(
            (to_us(start_s) + base)[known],
            (to_us(end_s) + base)[known],
            np.ascontiguousarray(posteriors[:, known]),
        )

    def _order(self, segments: Sequence[Sequence[SpokenSegment]]) -> Speech:
        flat = [segment for call in segments for segment in call]
        channel = np.array([segment.channel for segment in flat], np.int64)
        start_s = np.array([segment.start_s for segment in flat])
        sizes = np.array([len(call) for call in segments], np.int64)
        lane = np.repeat(self.first_lane[:-1], sizes) + channel
        order = np.lexsort((start_s, lane))
        base = lane[order] << LANE_BITS
        ordered: list[SpokenSegment] = [flat[int(i)] for i in order]
        end_s = np.array([segment.end_s for segment in ordered])
        return Speech(ordered, to_us(start_s[order]) + base, to_us(end_s) + base, lane[order])


def _check(context: CallContext, annotations: CallAnnotations) -> None:
    if not 0 <= us(context.duration_s) < MAX_LANE_US:
        raise ValueError(f"a call of {context.duration_s:g} s: at most six days are evaluated")
    hops: dict[int, float] = {}
    for track in annotations.tracks:
        if hops.setdefault(track.channel, track.hop_s) != track.hop_s:
            raise ValueError(f"parts of channel {track.channel} have different hops")
    channels = {found.channel for found in (*annotations.tracks, *annotations.segments)}
    if strange := sorted(channel for channel in channels if channel >= len(context.roles)):
        raise ValueError(f"channel {strange[0]} has data, but the call has {len(context.roles)}")


def _on_lanes(stretches: Sequence[tuple[int, int, int]]) -> Intervals:
    """(lane, start_ms, end_ms) as intervals; those that overlap or touch are merged."""
    lane, start, end = np.array(stretches, np.int64).reshape(-1, 3).T
    begin = start * 1000 + (lane << LANE_BITS)
    return unite(begin, end * 1000 + (lane << LANE_BITS), begin)


def _move(found: Intervals, lanes: Ticks) -> Intervals:
    """The intervals on lanes that are so many further."""
    shift = lanes << LANE_BITS
    return Intervals(found.start + shift, found.end + shift, found.fired + shift)
