"""Speech segments of one channel: splitting, cutting out, level.

Speech is detected by a model (`resources.speech_models.vad`); here is what follows from the
waveform and the spans alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ChannelSound, Span, Waveform


@dataclass(frozen=True)
class SplitConfig:
    max_s: float = 30.0
    """Longest segment; Whisper and Paraformer are trained on at most 30 s."""
    smoothing_s: float = 0.03
    """Width of the energy window: longer than a pitch period, shorter than a pause."""
    hop_s: float = 0.01
    """Distance between energy windows."""
    search_share: float = 0.5
    """Central share of a long segment that is searched for the cut: no part becomes too short to
    transcribe well."""


def split_long_segments(
    waveform: ChannelSound, spans: Iterable[Span], config: SplitConfig | None = None
) -> list[Span]:
    """Split spans at their quietest point, repeatedly, until none is longer than `max_s`.

    The end of a part is the start of the next, so no speech is lost.
    """
    config = config or SplitConfig()
    return [part for span in spans for part in _split(waveform, span, config)]


def _split(waveform: ChannelSound, span: Span, config: SplitConfig) -> Iterator[Span]:
    if span.end_s - span.start_s <= config.max_s:
        yield span
        return
    margin_s = (span.end_s - span.start_s) * (1 - config.search_share) / 2
    cut_s = find_quietest_point(
        waveform, Span(span.start_s + margin_s, span.end_s - margin_s), config
    )
    yield from _split(waveform, Span(span.start_s, cut_s), config)
    yield from _split(waveform, Span(cut_s, span.end_s), config)


def find_quietest_point(waveform: ChannelSound, span: Span, config: SplitConfig) -> float:
    """Time in s of the lowest smoothed energy inside `span`; nearest its middle on a tie."""
    hop = round(config.hop_s * SAMPLE_RATE_HZ)
    width = round(config.smoothing_s * SAMPLE_RATE_HZ)
    start, stop = _bounds(waveform, span)
    if stop - start < width:
        return (span.start_s + span.end_s) / 2
    # In parts: a span may be hours of noise.
    energy = np.concatenate(
        [
            _energies(
                waveform[first : min(first + _PART_WINDOWS * hop + width - hop, stop)], hop, width
            )
            for first in range(start, stop - width + 1, _PART_WINDOWS * hop)
        ]
    )
    quiet = np.flatnonzero(energy == energy.min())
    nearest = quiet[np.argmin(np.abs(quiet - (len(energy) - 1) / 2))]
    start_s = round(span.start_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return start_s + (int(nearest) * hop + width / 2) / SAMPLE_RATE_HZ


_PART_WINDOWS = 6_000
"""Windows whose energy is computed at once: a minute."""


def _energies(samples: Waveform, hop: int, width: int) -> NDArray[np.float64]:
    """Energy of each whole window of `width` samples, one every `hop` samples."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, width)[::hop]
    return np.einsum("ij,ij->i", windows, windows, dtype=np.float64)


SILENCE_DBFS = -100.0
"""Level given for digital silence, whose level is minus infinity."""


def level_dbfs(waveform: ChannelSound, span: Span) -> float:
    """RMS level of a span in dB relative to a full-scale square wave; at least `SILENCE_DBFS`."""
    samples = _clip(waveform, span)
    if not len(samples):
        return SILENCE_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(SILENCE_DBFS, 10 * float(np.log10(power))) if power > 0 else SILENCE_DBFS


def cut_segment(waveform: ChannelSound, segment: Span) -> Waveform:
    """The segment's samples, at least one.

    Raises ValueError where the segment lies outside the waveform.
    """
    start, stop = segment_bounds(waveform, segment)
    return waveform[start:stop]


def segment_bounds(waveform: ChannelSound, segment: Span) -> tuple[int, int]:
    """First sample of a segment, and the one after its last: at least one sample.

    Raises ValueError where the segment lies outside the waveform.
    """
    start, stop = _bounds(waveform, segment)
    if round(segment.start_s * SAMPLE_RATE_HZ) < 0 or start == stop:
        duration_s = len(waveform) / SAMPLE_RATE_HZ
        raise ValueError(f"{segment} lies outside its channel of {duration_s:.3f} s")
    return start, stop


def _clip(waveform: ChannelSound, span: Span) -> Waveform:
    start, stop = _bounds(waveform, span)
    return waveform[start:stop]


def _bounds(waveform: ChannelSound, span: Span) -> tuple[int, int]:
    """First sample of a span, and the one after its last, inside the waveform."""
    start = min(max(0, round(span.start_s * SAMPLE_RATE_HZ)), len(waveform))
    return start, max(start, min(round(span.end_s * SAMPLE_RATE_HZ), len(waveform)))
