"""From encoder frames to an emotion timeline: windows, pooling, labels and spans.

Arithmetic on arrays, the same for every model with a constant frame rate. Posteriors are computed
by a speech model (`resources.speech_models.emotion`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from callqa_assets.domain.emotion.labels import EMOTIONS

UNKNOWN = EMOTIONS.index("unknown")

Posteriors = NDArray[np.float32]
"""Shape [n, 9], rows sum to 1, columns in `EMOTIONS` order."""


@dataclass(frozen=True)
class WindowConfig:
    """Layout of the windows inside one segment."""

    window_sec: Annotated[float, Field(gt=0)] = 2.0
    hop_sec: Annotated[float, Field(gt=0)] = 0.25
    frame_rate_hz: Annotated[float, Field(gt=0)] = 50.0


@dataclass(frozen=True)
class LabelConfig:
    """When a posterior becomes a label. The defaults belong to the compact profile's head."""

    floor: float = 0.35
    """Highest posterior below which the label is `unknown`: there the compact head's best guess is
    right in fewer than 31 % of cases (held-out speakers, see its model card)."""


@dataclass(frozen=True)
class SpanConfig:
    """How a track of windows becomes a timeline."""

    floor: float = 0.35
    """Highest smoothed posterior below which the timeline is `unknown`."""
    switch_margin: float = 0.08
    """Hysteresis: by how much another posterior must exceed the current emotion's to replace it."""
    smooth_sec: float = 0.75
    """Length of the moving average over window posteriors."""
    min_span_sec: float = 1.0
    """A shorter span is merged into a neighbour."""


@dataclass(frozen=True)
class EmotionSpan:
    """One interval of the timeline, in seconds from the start of the channel."""

    start_s: float
    end_s: float
    emotion: str
    confidence: float
    """Mean smoothed posterior of the emotion in the span; where `unknown`, of the highest."""


def window_bounds(frames: int, config: WindowConfig) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frame and end frame (exclusive) of each window over a segment of `frames` ≥ 1.

    Windows begin every `hop_sec`; the last one extends to the end of the segment (by less than a
    hop), so that every frame counts. A segment shorter than a window is one window.
    Raises ValueError for a segment without frames.
    """
    if frames < 1:
        raise ValueError(f"a segment has at least one frame, got {frames}")
    width = round(config.window_sec * config.frame_rate_hz)
    hop = config.hop_sec * config.frame_rate_hz
    count = max(0, int((frames - width) / hop)) + 1
    starts = np.round(np.arange(count) * hop).astype(np.int64)
    ends = np.minimum(starts + width, frames)
    ends[-1] = frames
    return starts, ends


def windowed_pool(
    frames: NDArray[np.floating], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean and standard deviation of `frames` [T, D] over each window, shape [n, 2 D].

    By cumulative sums in float64, so that the cost does not depend on the windows' overlap.
    """
    x = frames.astype(np.float64)
    count = (ends - starts)[:, None]
    mean = _window_sums(x, starts, ends) / count
    power = _window_sums(np.square(x), starts, ends) / count
    return np.concatenate([mean, np.sqrt(np.maximum(power - np.square(mean), 0))], axis=1)


def _window_sums(
    x: NDArray[np.float64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    total = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    return total[ends] - total[starts]


def label_emotion(scores: NDArray[np.floating], config: LabelConfig) -> tuple[str, float]:
    """Emotion and confidence of one posterior [9]; `unknown` where the highest is below the floor.

    The confidence is the highest posterior, also where the label is `unknown`.
    """
    best = int(np.argmax(scores))
    confidence = float(scores[best])
    return (EMOTIONS[best] if confidence >= config.floor else "unknown"), confidence


def spans_from_windows(
    windows: Posteriors,
    window_start_s: NDArray[np.float64],
    window_end_s: NDArray[np.float64],
    config: SpanConfig,
) -> list[EmotionSpan]:
    """Timeline of one segment, without gaps, from its windows (at least one).

    Neighbouring windows meet half-way between their centres; the first span begins where the
    first window begins and the last ends where the last window ends.
    """
    centres = (window_start_s + window_end_s) / 2
    edges = np.concatenate(
        [window_start_s[:1], (centres[1:] + centres[:-1]) / 2, window_end_s[-1:]]
    )
    hop_s = float(np.median(np.diff(centres))) if len(centres) > 1 else config.smooth_sec
    smooth = _moving_average(windows.astype(np.float64), max(1, round(config.smooth_sec / hop_s)))
    labels = _hold_labels(smooth, config)
    runs = _merge_short_runs(_runs(labels), edges, smooth, config.min_span_sec)
    return [
        EmotionSpan(
            float(edges[first]),
            float(edges[end]),
            EMOTIONS[label],
            float(_confidence(smooth[first:end], label)),
        )
        for first, end, label in runs
    ]


def _moving_average(windows: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Centred; shorter at the edges, so that rows still sum to 1."""
    before, after = (width - 1) // 2, width // 2
    index = np.arange(len(windows))
    starts = np.maximum(index - before, 0)
    ends = np.minimum(index + after + 1, len(windows))
    return _window_sums(windows, starts, ends) / (ends - starts)[:, None]


def _hold_labels(smooth: NDArray[np.float64], config: SpanConfig) -> list[int]:
    """Arg-max with hysteresis; `unknown` competes with the floor as its least posterior."""
    rivals = smooth.copy()
    rivals[:, UNKNOWN] = np.maximum(rivals[:, UNKNOWN], config.floor)
    labels = [int(np.argmax(rivals[0]))]
    for row in rivals[1:]:
        best, held = int(np.argmax(row)), labels[-1]
        labels.append(best if row[best] - row[held] > config.switch_margin else held)
    return labels


def _runs(labels: list[int]) -> list[tuple[int, int, int]]:
    """(first window, end window, label) of each run of equal labels."""
    starts = [i for i in range(len(labels)) if i == 0 or labels[i] != labels[i - 1]]
    ends = [*starts[1:], len(labels)]
    return [(start, end, labels[start]) for start, end in zip(starts, ends, strict=True)]


def _merge_short_runs(
    runs: list[tuple[int, int, int]],
    edges: NDArray[np.float64],
    smooth: NDArray[np.float64],
    min_span_sec: float,
) -> list[tuple[int, int, int]]:
    """Merge the shortest run into its likelier neighbour until none is below `min_span_sec`."""
    while len(runs) > 1:
        lengths = [edges[end] - edges[first] for first, end, _ in runs]
        i = int(np.argmin(lengths))
        if lengths[i] >= min_span_sec:
            break
        first, end, _ = runs[i]
        neighbours = [runs[j][2] for j in (i - 1, i + 1) if 0 <= j < len(runs)]
        heir = max(neighbours, key=lambda label: _confidence(smooth[first:end], label))
        labels = [label for start, stop, label in runs for _ in range(start, stop)]
        labels[first:end] = [heir] * (end - first)
        runs = _runs(labels)
    return runs


def _confidence(smooth: NDArray[np.float64], label: int) -> np.float64:
    rows = smooth.max(axis=1) if label == UNKNOWN else smooth[:, label]
    return rows.mean()


def emotion_timeline_text(spans: pl.DataFrame) -> str:
    """A channel's timeline: `[0.0–1.2 s] neutral 0.90 → [1.3–2.5 s] fearful 0.72`.

    `spans` has the columns `start_s`, `end_s`, `emotion`, `confidence`, in any order of rows;
    no rows give an empty text.
    """
    return " → ".join(
        f"[{start_s:.1f}–{end_s:.1f} s] {emotion} {confidence:.2f}"
        for start_s, end_s, emotion, confidence in spans.sort("start_s")
        .select("start_s", "end_s", "emotion", "confidence")
        .iter_rows()
    )
