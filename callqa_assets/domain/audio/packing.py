"""Packing: neighbouring segments of a channel, concatenated for one pass of a transcriber.

Whisper needs seconds of silence after its input; the segments of a pack share them. Nothing here
depends on a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ChannelSound, Span, Waveform


@dataclass(frozen=True)
class PackingConfig:
    max_s: float = 12.0
    """Longest pack of more than one segment, margins included."""
    window_s: float = 30.0
    """Longest pack possible: the transcriber's input window."""
    margin_s: float = 0.25
    """Audio kept around a segment, as detectors cut soft onsets. Neighbours share what is between
    them."""


@dataclass(frozen=True)
class PackedSegment:
    """One segment with its margin: samples `start` to `stop` of the channel, at `offset` in the
    pack."""

    segment_no: int
    start: int
    stop: int
    offset: int


@dataclass(frozen=True)
class Pack:
    """Segments of one channel with their margins, in order, without gaps between them."""

    segments: Sequence[PackedSegment]

    @property
    def samples(self) -> int:
        """Length of the pack."""
        last = self.segments[-1]
        return last.offset + last.stop - last.start

    def cut(self, waveform: ChannelSound) -> Waveform:
        """The pack's audio out of its channel's waveform."""
        return np.concatenate([waveform[segment.start : segment.stop] for segment in self.segments])

    def part(self, start: int, stop: int) -> Pack:
        """What lies between two samples of the pack, `start < stop`, as a pack of its own."""
        kept: list[PackedSegment] = []
        for segment in self.segments:
            first = max(start, segment.offset)
            last = min(stop, segment.offset + segment.stop - segment.start)
            if first < last:
                shift = segment.start - segment.offset
                kept.append(
                    PackedSegment(segment.segment_no, first + shift, last + shift, first - start)
                )
        return Pack(tuple(kept))

    def place(self, start_s: float, end_s: float) -> tuple[int, float, float]:
        """The segment of an interval of the pack, and the interval's times in its channel, in s.

        It belongs to the segment (with margin) that contains its midpoint, and is clipped to it.
        """
        middle = (start_s + end_s) / 2 * SAMPLE_RATE_HZ
        begun = [segment for segment in self.segments if segment.offset <= middle]
        segment = begun[-1] if begun else self.segments[0]
        shift = segment.start - segment.offset
        start, end = (
            min(max(time_s * SAMPLE_RATE_HZ + shift, segment.start), segment.stop) / SAMPLE_RATE_HZ
            for time_s in (start_s, end_s)
        )
        return segment.segment_no, start, end


def pack_segments(
    segments: Sequence[Span], channel_samples: int, config: PackingConfig
) -> list[Pack]:
    """Concatenate segments in order, and open a new pack where the next would exceed `max_s`.

    Raises ValueError where segments overlap, leave the channel or are longer than `window_s`.
    """
    packs: list[Pack] = []
    packed: list[PackedSegment] = []
    offset = 0
    for number, (start, stop) in enumerate(
        add_margins(segments, channel_samples, margin_s=config.margin_s, longest_s=config.window_s)
    ):
        if packed and offset + stop - start > config.max_s * SAMPLE_RATE_HZ:
            packs.append(Pack(tuple(packed)))
            packed, offset = [], 0
        packed.append(PackedSegment(number, start, stop, offset))
        offset += stop - start
    return [*packs, Pack(tuple(packed))] if packed else packs


def add_margins(
    segments: Sequence[Span], channel_samples: int, *, margin_s: float, longest_s: float
) -> list[tuple[int, int]]:
    """Samples (start, stop) of each segment with up to `margin_s` on both sides.

    Neighbours share what is between them, and no margin makes a segment longer than `longest_s`.
    Raises ValueError where segments overlap, leave the channel or are longer than that.
    """
    bounds = [
        (round(segment.start_s * SAMPLE_RATE_HZ), round(segment.end_s * SAMPLE_RATE_HZ))
        for segment in segments
    ]
    window = round(longest_s * SAMPLE_RATE_HZ)
    widened: list[tuple[int, int]] = []
    for number, (start, stop) in enumerate(bounds):
        before = bounds[number - 1][1] if number else 0
        after = bounds[number + 1][0] if number + 1 < len(bounds) else channel_samples
        if not before <= start < stop <= after or stop - start > window:
            raise ValueError(
                f"segment {number} ({segments[number]}) overlaps its neighbour, leaves its channel "
                f"of {channel_samples / SAMPLE_RATE_HZ:.3f} s, is empty or exceeds "
                f"{longest_s:g} s"
            )
        margin = min(round(margin_s * SAMPLE_RATE_HZ), (window - (stop - start)) // 2)
        floor = (before + start) // 2 if number else 0
        ceiling = (stop + after) // 2 if number + 1 < len(bounds) else channel_samples
        widened.append((max(start - margin, floor), min(stop + margin, ceiling)))
    return widened
