from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.audio.segments import (
    SILENCE_DBFS,
    SplitConfig,
    find_quietest_point,
    level_dbfs,
    split_long_segments,
)
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def silence(waveform: np.ndarray, start_s: float, end_s: float) -> None:
    waveform[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)] = 0


def test_short_segments_are_left_as_they_are():
    spans = [Span(0.5, 30.5), Span(31, 32)]
    assert split_long_segments(noise(40), spans) == spans


def test_long_speech_is_cut_in_its_pause():
    waveform = noise(40)
    silence(waveform, 17.0, 17.1)
    first, second = split_long_segments(waveform, [Span(0, 40)])
    assert first == Span(0, second.start_s)
    assert second.end_s == 40
    assert 17.0 <= first.end_s <= 17.1


def test_a_pause_at_the_edge_does_not_leave_a_very_short_part():
    waveform = noise(32)
    silence(waveform, 0.5, 0.7)
    first, second = split_long_segments(waveform, [Span(0, 32)])
    assert min(first.end_s - first.start_s, second.end_s - second.start_s) >= 8


def test_equally_quiet_points_are_cut_in_the_middle():
    waveform = np.zeros(40 * SAMPLE_RATE_HZ, np.float32)
    # The middle is between two hops of 10 ms; 15 ms later is the middle of the first's window.
    assert find_quietest_point(waveform, Span(10, 30), SplitConfig()) == pytest.approx(19.995)


@pytest.mark.parametrize("pauses_s", [(12.0, 27.0), (13.0, 28.0)])
def test_of_two_equal_pauses_the_one_nearer_the_middle_is_cut(pauses_s):
    waveform = noise(40)
    for start_s in pauses_s:
        silence(waveform, start_s, start_s + 0.03)
    nearer_s = min(pauses_s, key=lambda start_s: abs(start_s - 20))
    cut_s = find_quietest_point(waveform, Span(10, 30), SplitConfig())
    assert cut_s == pytest.approx(nearer_s + 0.015)


def test_a_stretch_shorter_than_the_window_is_cut_in_its_middle():
    waveform = noise(1)
    waveform[: SAMPLE_RATE_HZ // 2] = 0
    config = SplitConfig()
    assert find_quietest_point(waveform, Span(0.499, 0.527), config) == pytest.approx(0.513)
    assert find_quietest_point(waveform, Span(0.49, 0.52), config) == pytest.approx(0.505)


@settings(max_examples=30)
@given(
    starts=st.lists(st.floats(0, 5), min_size=1, max_size=4),
    lengths=st.lists(st.floats(0.05, 20), min_size=4, max_size=4),
    max_s=st.floats(1, 10),
)
def test_parts_cover_the_speech_without_gap_or_overlap(starts, lengths, max_s):
    spans, clock = [], 0.0
    for gap_s, length_s in zip(starts, lengths, strict=False):
        spans.append(Span(clock + gap_s, clock + gap_s + length_s))
        clock = spans[-1].end_s
    parts = split_long_segments(noise(clock), spans, SplitConfig(max_s=max_s))
    assert all(0 < part.end_s - part.start_s <= max_s for part in parts)
    assert sum(part.end_s - part.start_s for part in parts) == pytest.approx(
        sum(span.end_s - span.start_s for span in spans)
    )
    assert all(a.end_s <= b.start_s for a, b in pairwise(parts))


def test_level_is_relative_to_full_scale():
    waveform = np.concatenate([np.ones(1600), np.full(1600, 0.1), np.zeros(1600)])
    waveform = waveform.astype(np.float32)
    assert level_dbfs(waveform, Span(0, 0.1)) == 0
    assert level_dbfs(waveform, Span(0.1, 0.2)) == pytest.approx(-20, abs=1e-5)
    assert level_dbfs(waveform, Span(0.2, 0.3)) == SILENCE_DBFS
    assert level_dbfs(waveform, Span(9, 10)) == SILENCE_DBFS


class LongSound:
    """A sound of hours that is never in memory: noise, but for one silent pause."""

    def __init__(self, duration_s: float, pause: Span) -> None:
        self._length = round(duration_s * SAMPLE_RATE_HZ)
        self._pause = slice(
            round(pause.start_s * SAMPLE_RATE_HZ), round(pause.end_s * SAMPLE_RATE_HZ)
        )
        self.longest_read = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice):
        self.longest_read = max(self.longest_read, part.stop - part.start)
        positions = np.arange(part.start, part.stop)
        is_pause = (positions >= self._pause.start) & (positions < self._pause.stop)
        return np.where(is_pause, 0, np.where(positions % 2, 0.1, -0.1)).astype(np.float32)


def test_an_hour_without_a_pause_is_searched_in_parts():
    sound = LongSound(3_600, Span(1_500.0, 1_500.1))
    cut_s = find_quietest_point(sound, Span(900, 2_700), SplitConfig())
    assert 1_500.0 <= cut_s <= 1_500.1
    assert sound.longest_read <= 61 * SAMPLE_RATE_HZ


def test_the_quietest_point_is_found_across_the_parts_that_are_searched():
    """A minute is computed at once: the pause lies where one ends."""
    for start_s in (59.96, 59.98, 60.0, 60.01):
        sound = LongSound(150, Span(start_s, start_s + 0.03))
        found_s = find_quietest_point(sound, Span(0, 150), SplitConfig())
        assert found_s == pytest.approx(start_s + 0.015)
