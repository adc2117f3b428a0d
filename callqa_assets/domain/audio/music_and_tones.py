"""Music and tones (ring-back, busy, fax, DTMF) in one channel, from its spectrum alone.

Music keeps its partials at one frequency for tenths of a second, while the harmonics of a voice
glide; and it has no pauses between syllables. A tone is one or two such lines and nothing else.
Songs whose voice is in front, and drums alone, are not told from speech.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ChannelSound, Span

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Run = tuple[int, int]

_FRAME = 2048
"""128 ms: resolves the harmonics of a low voice."""
_HOP = 512
_BIN_HZ = SAMPLE_RATE_HZ / _FRAME
_LOW_BIN, _HIGH_BIN = round(250 / _BIN_HZ), round(3500 / _BIN_HZ)
"""The telephone band."""
_HOP_S = _HOP / SAMPLE_RATE_HZ
_FRAME_S = _FRAME / SAMPLE_RATE_HZ
_PIECE_FRAMES = 1800
"""Frames of about a minute are computed at once, which bounds the memory."""
_CONTEXT_FRAMES = 8
_FULL_SCALE = float(np.sum(np.hanning(_FRAME + 1)[:-1] ** 2)) * _FRAME / 2
"""Sum of a frame's one-sided spectrum for a full-scale square wave."""


@dataclass(frozen=True)
class SoundConfig:
    """Thresholds; what they lose of real speech and find of music is in docs/models.md."""

    window_s: float = 3.0
    """Over which the measures of music are averaged."""
    weights: tuple[float, float, float, float] = (23.8, 7.5, -0.178, -0.144)
    """Of: share of the whitened spectrum in steady partials; share of the power in them; dB by
    which the mean power exceeds the mean level (pauses); mean change of level between frames, dB.
    Logistic regression: hold music and made-up tunes against speech."""
    bias: float = -6.07
    threshold: float = 4.0
    """Log-odds that a stretch of music reaches somewhere: calls and prompts stay below 2."""
    threshold_off: float = 0.0
    """Log-odds below which it ends."""
    shortest_music_s: float = 3.0
    """Counted between the windows' centres."""
    line_share: float = 0.985
    """Least share of a tone's power in its two strongest lines."""
    shortest_tone_s: float = 0.25
    """Counted between the frames' centres: a vowel is not as pure for so long."""
    tonal_share: float = 0.9
    """Share of the power in two lines from which a frame of music counts as a tone's: a row of
    beeps is a tone where most of its frames do, unless it is a melody."""
    audible_dbfs: float = -60.0
    """Level below which a frame is neither."""


@dataclass(frozen=True)
class NonSpeech:
    """A stretch of music or of a tone."""

    kind: Literal["music", "tone"]
    span: Span


def find_music_and_tones(
    waveform: ChannelSound, config: SoundConfig | None = None
) -> list[NonSpeech]:
    """Stretches of music and tones, ascending and disjoint; a pure note inside music is music.

    `waveform` is read in pieces of about a minute.
    """
    config = config or SoundConfig()
    frames = measure_frames(waveform)
    audible = frames.level_dbfs > config.audible_dbfs
    tones = _widen_apart(
        [_span(first, last) for first, last in _find_tones(frames, audible, config)],
        len(waveform) / SAMPLE_RATE_HZ,
    )
    found: list[NonSpeech] = []
    for first, last in _find_music(frames, audible, config):
        span = _span(first, last)
        heard = audible[first:last]
        tonal = heard & (frames.line_share[first:last] >= config.tonal_share)
        pitches = frames.lines[first:last, 0][tonal]
        beeps = len(pitches) * 2 > np.count_nonzero(heard) and not _is_melody(pitches)
        kind = "tone" if beeps else "music"
        if kind == "music":
            tones = [tone for tone in tones if not _is_inside(tone, span)]
        for part in subtract(span, tones):
            inside = audible[_frame(part.start_s) : _frame(part.end_s)]
            if np.count_nonzero(inside) * 2 > len(inside):
                found.append(NonSpeech(kind, part))
    found += (NonSpeech("tone", tone) for tone in tones)
    return sorted(found, key=lambda item: item.span.start_s)


_SIGNAL_PITCHES = 3
"""Of a special information tone; a melody has more."""


def _is_melody(pitches: NDArray[np.intp]) -> bool:
    """Whether a fifth of the frames or more are beside the most frequent three lines."""
    rest = pitches
    for _ in range(_SIGNAL_PITCHES):
        if len(rest):
            rest = rest[np.abs(rest - np.bincount(rest).argmax()) > 1]
    return len(rest) * 5 >= len(pitches)


def _is_inside(tone: Span, music: Span) -> bool:
    return music.start_s <= tone.start_s and tone.end_s <= music.end_s


def _find_tones(frames: FrameMeasures, audible: Flags, config: SoundConfig) -> list[Run]:
    """Runs of pure frames whose strongest line stays within one bin."""
    pure = audible & (frames.line_share >= config.line_share)
    shortest = round(config.shortest_tone_s / _HOP_S) + 1
    found: list[Run] = []
    for first, last in _runs(pure):
        start = first
        for frame in range(first, last + 1):
            if frame < last and np.abs(frames.lines[frame] - frames.lines[start][0]).min() <= 1:
                continue
            if frame - start >= shortest:
                found.append((start, frame))
            start = frame
    return found


def _find_music(frames: FrameMeasures, audible: Flags, config: SoundConfig) -> list[Run]:
    odds = music_measures(frames, config.window_s) @ np.array(config.weights) + config.bias
    near_sound = _around(audible.astype(np.float32), round(0.5 / _HOP_S)) > 0
    shortest = round(config.shortest_music_s / _HOP_S)
    return [
        (first, last)
        for first, last in _runs((odds > config.threshold_off) & near_sound)
        if last - first > shortest and odds[first:last].max() > config.threshold
    ]


def _span(first: int, last: int) -> Span:
    """From the first frame's centre to the last one's."""
    return Span(first * _HOP_S + _FRAME_S / 2, (last - 1) * _HOP_S + _FRAME_S / 2)


def _widen_apart(spans: Sequence[Span], duration_s: float) -> list[Span]:
    """Spans longer by half a frame on both sides, neighbours at most up to their middle.

    A frame is pure only where the tone fills it.
    """
    edges = [0.0, *((a.end_s + b.start_s) / 2 for a, b in pairwise(spans)), duration_s]
    return [
        Span(max(span.start_s - _FRAME_S / 2, floor), min(span.end_s + _FRAME_S / 2, ceiling))
        for span, (floor, ceiling) in zip(spans, pairwise(edges), strict=False)
    ]


def _frame(time_s: float) -> int:
    """The frame that is centred nearest to a time."""
    return max(0, round((time_s - _FRAME_S / 2) / _HOP_S))


def subtract(span: Span, holes: Sequence[Span]) -> list[Span]:
    """What is left of `span` without `holes`, which ascend and are disjoint."""
    left: list[Span] = []
    start_s = span.start_s
    for hole in holes:
        if hole.end_s <= start_s or hole.start_s >= span.end_s:
            continue
        if hole.start_s > start_s:
            left.append(Span(start_s, hole.start_s))
        start_s = hole.end_s
    return [*left, Span(start_s, span.end_s)] if start_s < span.end_s else left


@dataclass(frozen=True)
class FrameMeasures:
    """What is measured of each frame of 128 ms, one every 32 ms; arrays of shape [frames]."""

    level_dbfs: Floats
    power: Floats
    steady_power: Floats
    whitened: Floats
    steady_whitened: Floats
    line_share: Floats
    """Share of the power in the two strongest lines."""
    lines: NDArray[np.intp]
    """Shape [frames, 2]: their bins, the strongest first."""


def measure_frames(waveform: ChannelSound) -> FrameMeasures:
    """Measures of all frames of a waveform; a waveform shorter than a frame has none."""
    pieces = [_measure(power, keep) for power, keep in _spectra(waveform)]
    if not pieces:
        none = np.zeros(0, np.float32)
        return FrameMeasures(none, none, none, none, none, none, np.zeros((0, 2), np.intp))
    return FrameMeasures(*(np.concatenate(column) for column in zip(*pieces, strict=True)))


def _spectra(waveform: ChannelSound) -> Iterator[tuple[Floats, slice]]:
    """Power spectra [frames, bins] of pieces with their context, and which frames are the piece's.

    Scaled so that the sum over all bins is the mean square of the samples.
    """
    frames = max(0, (len(waveform) - _FRAME) // _HOP + 1)
    window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    for first in range(0, frames, _PIECE_FRAMES):
        last = min(frames, first + _PIECE_FRAMES)
        begin, end = max(0, first - _CONTEXT_FRAMES), min(frames, last + _CONTEXT_FRAMES)
        samples = waveform[begin * _HOP : (end - 1) * _HOP + _FRAME]
        cut = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
        spectrum = np.fft.rfft(cut * window, axis=1)[:, _LOW_BIN:_HIGH_BIN]
        power = (np.square(spectrum.real) + np.square(spectrum.imag)) / _FULL_SCALE
        yield power.astype(np.float32), slice(first - begin, last - begin)


_PROMINENCE_DB = 9.0
_STEADY_FRAMES = 6
"""A partial is steady that keeps its frequency, within 8 Hz a frame, for 6 frames: 0.29 s."""


def _measure(power: Floats, keep: slice) -> list[NDArray[Any]]:
    level = 10 * np.log10(power + 1e-12)
    peaks = np.zeros(power.shape, bool)
    peaks[:, 1:-1] = (power[:, 1:-1] >= power[:, :-2]) & (power[:, 1:-1] > power[:, 2:])
    peaks &= level > _smooth(level, 12) + _PROMINENCE_DB
    partials = _widen(peaks & _lasting(_widen(peaks, 1), _STEADY_FRAMES), 2)
    whitened = power / (_smooth(power, 25) + 1e-12)
    total = power.sum(axis=1)
    measures = [
        10 * np.log10(total + 1e-9),
        total,
        np.where(partials, power, 0).sum(axis=1),
        whitened.sum(axis=1),
        np.where(partials, whitened, 0).sum(axis=1),
        *_strongest_lines(np.where(peaks, power, 0), power, total),
    ]
    return [measure[keep] for measure in measures]


def _strongest_lines(
    peaks: Floats, power: Floats, total: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Share of the power within three bins of the two highest peaks, and their bins."""
    rows = np.arange(len(power))
    bins = np.arange(power.shape[1], dtype=np.intp)
    first = peaks.argmax(axis=1)
    near = np.abs(bins - first[:, None]) <= 3
    second: NDArray[np.intp] = np.where(near, 0, peaks).argmax(axis=1)
    # Where there is no second peak, its place is that of the first.
    second = np.where(peaks[rows, second] > 0, second, first)
    near |= np.abs(bins - second[:, None]) <= 3
    share = np.where(near, power, 0).sum(axis=1) / (total + 1e-12)
    return share, np.stack([first, second], axis=1)


def _smooth(values: Floats, radius: int) -> Floats:
    """Mean over the bins within `radius`, fewer at the edges."""
    width = values.shape[1]
    total = np.zeros((len(values), width + 1), np.float64)
    np.cumsum(values, axis=1, out=total[:, 1:])
    places = np.arange(width, dtype=np.intp)
    first = np.maximum(places - radius, 0)
    last = np.minimum(places + radius + 1, width)
    return ((total[:, last] - total[:, first]) / (last - first)).astype(np.float32)


def _widen(flags: Flags, radius: int) -> Flags:
    """Flags that are set within `radius` bins."""
    wide = flags.copy()
    for shift in range(1, radius + 1):
        wide[:, shift:] |= flags[:, :-shift]
        wide[:, :-shift] |= flags[:, shift:]
    return wide


def _lasting(flags: Flags, frames: int) -> Flags:
    """Flags that belong to at least `frames` in a row along time."""
    lasting = np.zeros_like(flags)
    runs = len(flags) - frames + 1
    if runs < 1:
        return lasting
    whole = np.ones((runs, flags.shape[1]), bool)
    for shift in range(frames):
        whole &= flags[shift : shift + runs]
    for shift in range(frames):
        lasting[shift : shift + runs] |= whole
    return lasting


def music_measures(frames: FrameMeasures, window_s: float) -> NDArray[np.float64]:
    """Shape [frames, 4]: what `SoundConfig.weights` weigh, over the window around each frame."""
    level = np.maximum(frames.level_dbfs, -80)
    change = np.abs(np.diff(level, prepend=level[:1]))
    radius = round(window_s / _HOP_S / 2)
    power, steady, whitened, steady_whitened, mean_level, mean_change = (
        _around(values, radius)
        for values in (
            frames.power,
            frames.steady_power,
            frames.whitened,
            frames.steady_whitened,
            level,
            change,
        )
    )
    return np.stack(
        [
            steady_whitened / (whitened + 1e-12),
            steady / (power + 1e-12),
            10 * np.log10(power + 1e-9) - mean_level,
            mean_change,
        ],
        axis=1,
    )


def _around(values: Floats, radius: int) -> NDArray[np.float64]:
    """Mean over the frames within `radius`, fewer at the edges."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values), dtype=np.intp)
    first = np.maximum(places - radius, 0)
    last = np.minimum(places + radius + 1, len(values))
    return (total[last] - total[first]) / (last - first)


def _runs(flags: Flags) -> list[Run]:
    """Runs of set flags: first, and one past the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
