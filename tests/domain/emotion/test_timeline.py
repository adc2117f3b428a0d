"""Windows cover a segment, pooling is exact, the timeline has no gaps and no short spans."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import (
    LabelConfig,
    SpanConfig,
    WindowConfig,
    emotion_timeline_text,
    label_emotion,
    spans_from_windows,
    window_bounds,
    windowed_pool,
)

ANGRY, NEUTRAL, SAD = (EMOTIONS.index(name) for name in ("angry", "neutral", "sad"))
WINDOWS = WindowConfig(window_sec=2.0, hop_sec=0.25)
SPANS = SpanConfig(floor=0.4, switch_margin=0.1, smooth_sec=0.25, min_span_sec=1.0)


def track(*runs: tuple[int, int, float]) -> np.ndarray:
    """Windows from (how many, emotion, its posterior); the rest is spread over the other eight."""
    rows = []
    for count, emotion, posterior in runs:
        row = np.full(len(EMOTIONS), (1 - posterior) / (len(EMOTIONS) - 1))
        row[emotion] = posterior
        rows += [row] * count
    return np.array(rows, np.float32)


def times(count: int, start_s: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    starts = start_s + np.arange(count) * WINDOWS.hop_sec
    return starts, starts + WINDOWS.window_sec


@given(st.integers(1, 1500))
def test_windows_cover_every_frame_of_the_segment(frames: int) -> None:
    starts, ends = window_bounds(frames, WINDOWS)
    assert starts[0] == 0
    assert ends[-1] == frames
    assert (ends > starts).all()
    assert (starts[1:] <= ends[:-1]).all()
    assert (np.diff(starts) > 0).all()


@given(st.integers(100, 1500))
def test_windows_are_as_long_as_configured_the_last_less_than_a_hop_longer(frames: int) -> None:
    starts, ends = window_bounds(frames, WINDOWS)
    assert (ends[:-1] - starts[:-1] == 100).all()
    assert 100 <= ends[-1] - starts[-1] <= 112


def test_a_segment_shorter_than_the_window_is_one_window() -> None:
    starts, ends = window_bounds(7, WINDOWS)
    assert (starts.tolist(), ends.tolist()) == ([0], [7])


def test_a_segment_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        window_bounds(0, WINDOWS)


def test_pooling_equals_mean_and_deviation_of_each_window() -> None:
    frames = np.random.default_rng(0).normal(5, 2, (400, 6)).astype(np.float32)
    starts, ends = window_bounds(len(frames), WINDOWS)
    pooled = windowed_pool(frames, starts, ends)
    for row, start, end in zip(pooled, starts, ends, strict=True):
        window = frames[start:end].astype(np.float64)
        np.testing.assert_allclose(row[:6], window.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(row[6:], window.std(axis=0), rtol=1e-9)


def test_one_frame_has_no_deviation() -> None:
    pooled = windowed_pool(np.ones((1, 3), np.float32), np.array([0]), np.array([1]))
    assert pooled.tolist() == [[1, 1, 1, 0, 0, 0]]


def test_a_weak_best_posterior_is_unknown_and_keeps_its_confidence() -> None:
    (weak,), (strong,) = track((1, ANGRY, 0.35)), track((1, ANGRY, 0.6))
    assert label_emotion(weak, LabelConfig(floor=0.4)) == ("unknown", pytest.approx(0.35))
    assert label_emotion(strong, LabelConfig(floor=0.4)) == ("angry", pytest.approx(0.6))


def test_the_timeline_follows_a_change_of_emotion() -> None:
    windows = track((10, NEUTRAL, 0.8), (10, ANGRY, 0.7))
    neutral, angry = spans_from_windows(windows, *times(20), SPANS)
    assert (neutral.emotion, angry.emotion) == ("neutral", "angry")
    assert (neutral.start_s, angry.end_s) == (10.0, 10 + 19 * 0.25 + 2.0)
    assert neutral.end_s == angry.start_s == pytest.approx(10 + 9.5 * 0.25 + 1.0)
    assert (neutral.confidence, angry.confidence) == (pytest.approx(0.8), pytest.approx(0.7))


def test_a_span_shorter_than_the_minimum_is_merged_into_its_neighbour() -> None:
    windows = track((10, NEUTRAL, 0.8), (2, ANGRY, 0.7), (10, NEUTRAL, 0.8))
    (only,) = spans_from_windows(windows, *times(22), SPANS)
    assert only.emotion == "neutral"


def test_a_lead_smaller_than_the_margin_does_not_switch() -> None:
    close = track((8, ANGRY, 0.5))
    close[:, NEUTRAL] = 0.45
    windows = np.concatenate([track((8, NEUTRAL, 0.8)), close])
    (only,) = spans_from_windows(windows, *times(16), SPANS)
    assert only.emotion == "neutral"


def test_the_timeline_abstains_where_nothing_reaches_the_floor() -> None:
    windows = track((10, NEUTRAL, 0.8), (10, SAD, 0.2))
    neutral, unknown = spans_from_windows(windows, *times(20), SPANS)
    assert (neutral.emotion, unknown.emotion) == ("neutral", "unknown")
    assert unknown.confidence == pytest.approx(0.2)


def test_one_window_is_one_span() -> None:
    (only,) = spans_from_windows(track((1, SAD, 0.9)), np.array([3.0]), np.array([3.08]), SPANS)
    assert (only.start_s, only.end_s, only.emotion) == (3.0, 3.08, "sad")


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0.12, 1)), min_size=1, max_size=60))
def test_spans_tile_the_segment_and_keep_the_minimum(rows: list[tuple[int, float]]) -> None:
    windows = track(*((1, emotion, posterior) for emotion, posterior in rows))
    starts, ends = times(len(rows))
    spans = spans_from_windows(windows, starts, ends, SPANS)
    assert (spans[0].start_s, spans[-1].end_s) == (starts[0], ends[-1])
    for left, right in pairwise(spans):
        assert left.end_s == right.start_s
        assert left.emotion != right.emotion
    if len(spans) > 1:
        assert min(span.end_s - span.start_s for span in spans) >= SPANS.min_span_sec
    assert all(0 < span.confidence <= 1 for span in spans)


def test_windows_begin_every_quarter_second_and_last_two_by_default() -> None:
    starts, ends = window_bounds(125, WindowConfig())
    assert (starts.tolist(), ends.tolist()) == ([0, 12, 25], [100, 112, 125])
    starts, ends = window_bounds(124, WindowConfig())
    assert (starts.tolist(), ends.tolist()) == ([0, 12], [100, 124])
    assert [bounds.tolist() for bounds in window_bounds(1, WindowConfig())] == [[0], [1]]


def test_by_default_a_posterior_of_0_35_is_a_label_and_less_is_unknown() -> None:
    scores = np.full(9, 0.05)
    for best, label in ((0.35, "sad"), (0.3499, "unknown")):
        scores[SAD] = best
        assert label_emotion(scores, LabelConfig()) == (label, best)
        windows = np.tile(scores, (8, 1)).astype(np.float32)
        windows[:, SAD] += 0.001 if label == "sad" else -0.001
        (only,) = spans_from_windows(windows, *times(8), SpanConfig())
        assert only.emotion == label


def rivals(neutral: float, angry: float) -> np.ndarray:
    windows = track((8, NEUTRAL, neutral))
    windows[:, ANGRY] = angry
    return windows


@pytest.mark.parametrize(("angry", "emotions"), [(0.47, 1), (0.49, 2)])
def test_by_default_another_emotion_must_lead_by_0_08(angry: float, emotions: int) -> None:
    windows = np.concatenate([track((8, NEUTRAL, 0.8)), rivals(0.4, angry)])
    assert len(spans_from_windows(windows, *times(16), SpanConfig())) == emotions


@pytest.mark.parametrize(
    ("config", "confidence"),
    [
        (SpanConfig(), (7 * 0.8 + (2 * 0.8 + 0.025) / 3) / 8),
        (SpanConfig(smooth_sec=1.0), (6 * 0.8 + (3 * 0.8 + 0.025) / 4 + (0.8 + 0.025) / 2) / 8),
        (SpanConfig(smooth_sec=0.1), 0.8),
    ],
)
def test_posteriors_are_averaged_over_three_quarters_of_a_second_by_default(
    config: SpanConfig, confidence: float
) -> None:
    """Of an even number of windows the later half is one longer."""
    windows = track((8, NEUTRAL, 0.8), (8, ANGRY, 0.8))
    neutral, angry = spans_from_windows(windows, *times(16), config)
    assert neutral.end_s == angry.start_s == 10 + 7.5 * 0.25 + 1.0
    assert neutral.confidence == pytest.approx(confidence)


@pytest.mark.parametrize(("count", "kept"), [(4, True), (3, False)])
def test_a_span_of_a_second_is_long_enough_by_default(count: int, kept: bool) -> None:
    windows = track((8, NEUTRAL, 0.8), (count, ANGRY, 0.7), (8, NEUTRAL, 0.8))
    spans = spans_from_windows(windows, *times(len(windows)), SpanConfig(smooth_sec=0.25))
    assert [span.emotion for span in spans] == ["neutral", *["angry", "neutral"] * kept]


@pytest.mark.parametrize(("likelier", "windows_of_sad"), [(NEUTRAL, 8), (SAD, 10)])
def test_a_short_span_is_given_to_the_likelier_neighbour(
    likelier: int, windows_of_sad: int
) -> None:
    short = track((2, ANGRY, 0.6))
    short[:, likelier] = 0.3
    windows = np.concatenate([track((8, NEUTRAL, 0.8)), short, track((8, SAD, 0.8))])
    neutral, sad = spans_from_windows(windows, *times(18), SPANS)
    assert (neutral.emotion, sad.emotion) == ("neutral", "sad")
    assert neutral.end_s == sad.start_s == 10 + (18 - windows_of_sad - 0.5) * 0.25 + 1.0


def test_the_shortest_span_is_given_away_first() -> None:
    windows = track((8, NEUTRAL, 0.8), (1, SAD, 0.7), (2, ANGRY, 0.7), (1, SAD, 0.7))
    windows = np.concatenate([windows, track((8, ANGRY, 0.7))])
    windows[8, NEUTRAL] = windows[11, ANGRY] = 0.2
    spans = spans_from_windows(windows, *times(20), SPANS)
    assert [(span.emotion, span.end_s) for span in spans] == [
        ("neutral", 10 + 8.5 * 0.25 + 1.0),
        ("angry", 10 + 19 * 0.25 + 2.0),
    ]


def test_short_spans_at_the_edges_are_given_to_their_only_neighbour() -> None:
    windows = track((1, SAD, 0.9), (8, NEUTRAL, 0.8), (1, ANGRY, 0.9))
    starts = 10 + np.arange(10) * 0.25
    (only,) = spans_from_windows(windows, starts, starts + 0.5, SPANS)
    assert (only.emotion, only.start_s, only.end_s) == ("neutral", 10.0, 12.75)


def test_a_timeline_is_told_in_the_order_of_time() -> None:
    spans = pl.DataFrame(
        {
            "start_s": [1.26, 0.0],
            "end_s": [2.54, 1.26],
            "emotion": ["fearful", "neutral"],
            "confidence": [0.716, 0.9],
        }
    )
    told = "[0.0–1.3 s] neutral 0.90 → [1.3–2.5 s] fearful 0.72"
    assert emotion_timeline_text(spans) == told
    assert emotion_timeline_text(spans.clear()) == ""
