"""Segments: stretches of speech on one channel, their limits and their loudness.

Finding speech is a model's work (`resources.speech_models`); here is only what can be computed from
the waveform and the spans alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    Span,
    Waveform,
)

if TYPE_CHECKING:
    pass

SILENCE_DBFS = -100.0
"""Level reported for digital silence, which has none."""


@dataclass(frozen=True)
class SplitConfig:
    max_s: float = 30.0
    """Longest segment; Whisper and Paraformer are trained on at most 30 s."""
    smoothing_s: float = 0.03
    """Width of the energy window: longer than a pitch period, shorter than a pause."""
    hop_s: float = 0.01
    search_share: float = 0.5
    """Central share of a long segment in which the cut is sought: keeps both parts at a length that
    a transcriber can make sense of."""


def split_long_segments(
    waveform: Waveform, spans: Iterable[Span], config: SplitConfig | None = None
) -> list[Span]:
    """Cut every span longer than `max_s` at its quietest point, again and again until none is.

    Parts touch (the end of one is the start of the next), so no speech is lost.
    """
    config = config or SplitConfig()
    return [part for span in spans for part in _split(waveform, span, config)]


def _split(waveform: Waveform, span: Span, config: SplitConfig) -> Iterator[Span]:
    if span.end_s - span.start_s <= config.max_s:
        yield span
        return
    margin_s = (span.end_s - span.start_s) * (1 - config.search_share) / 2
    cut_s = quietest_point(waveform, Span(span.start_s + margin_s, span.end_s - margin_s), config)
    yield from _split(waveform, Span(span.start_s, cut_s), config)
    yield from _split(waveform, Span(cut_s, span.end_s), config)


def quietest_point(waveform: Waveform, span: Span, config: SplitConfig) -> float:
    """Time in s of the least smoothed energy inside `span`; the one nearest its middle on a tie."""
    hop = round(config.hop_s * SAMPLE_RATE_HZ)
    width = round(config.smoothing_s * SAMPLE_RATE_HZ)
    stretch = _cut(waveform, span)
    if len(stretch) < width:
        return (span.start_s + span.end_s) / 2
    windows = np.lib.stride_tricks.sliding_window_view(stretch, width)[::hop]
    energy: NDArray[np.float64] = np.einsum("ij,ij->i", windows, windows, dtype=np.float64)
    quiet = np.flatnonzero(energy == energy.min())
    nearest = quiet[np.argmin(np.abs(quiet - (len(energy) - 1) / 2))]
    start_s = round(span.start_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return start_s + (int(nearest) * hop + width / 2) / SAMPLE_RATE_HZ


def level_dbfs(waveform: Waveform, span: Span) -> float:
    """RMS level of a span in dB relative to a full-scale square wave; at least `SILENCE_DBFS`."""
    stretch = _cut(waveform, span)
    if not len(stretch):
        return SILENCE_DBFS
    power = float(np.mean(np.square(stretch, dtype=np.float64)))
    return max(SILENCE_DBFS, 10 * float(np.log10(power))) if power > 0 else SILENCE_DBFS


def _cut(waveform: Waveform, span: Span) -> Waveform:
    return waveform[
        max(0, round(span.start_s * SAMPLE_RATE_HZ)) : round(span.end_s * SAMPLE_RATE_HZ)
    ]


def cut_segment(waveform: Waveform, segment: Span) -> Waveform:
    """The segment's samples, at least one.

    Raises ValueError where the segment lies outside the waveform.
    """
    start = round(segment.start_s * SAMPLE_RATE_HZ)
    samples = waveform[start : round(segment.end_s * SAMPLE_RATE_HZ)]
    if start < 0 or not len(samples):
        duration_s = len(waveform) / SAMPLE_RATE_HZ
        raise ValueError(f"{segment} lies outside its channel of {duration_s:.3f} s")
    return samples
