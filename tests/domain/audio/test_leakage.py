"""The same sound on two channels: found whatever its level, delay, polarity and codec."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.audio.leakage import (
    compare_channels,
    find_crosstalk,
    flagged_spans,
    is_dual_mono,
)
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, Waveform
from tests.support.sounds import over_a_line, silence, voice

AGENT = np.concatenate([voice(8, 1), silence(4)])
CUSTOMER = np.concatenate([silence(8), voice(4, 2)])


def delayed(waveform: Waveform, delay_ms: float) -> Waveform:
    return np.roll(waveform, round(delay_ms * SAMPLE_RATE_HZ / 1000))


def share_flagged(flags: np.ndarray, start_s: float, end_s: float) -> float:
    parts = flagged_spans(flags, Span(start_s, end_s))
    return sum(p.end_s - p.start_s for flag, p in parts if flag) / (end_s - start_s)


@pytest.mark.parametrize("delay_ms", [-20, 0, 7.3, 40, 120])
@pytest.mark.parametrize("leak_db", [-12, -20, -30])
def test_leaked_speech_is_crosstalk_and_own_speech_is_not(leak_db, delay_ms):
    leak = delayed(AGENT, delay_ms) * 10 ** (leak_db / 20)
    pair = compare_channels(over_a_line(AGENT, 1), over_a_line(CUSTOMER - leak, 2))
    assert not is_dual_mono(pair)
    assert not find_crosstalk(pair, 0).any()
    flags = find_crosstalk(pair, 1)
    assert share_flagged(flags, 0.3, 7.5) > 0.95
    assert share_flagged(flags, 8.5, 12) == 0


def test_the_order_of_the_channels_does_not_matter():
    pair = compare_channels(over_a_line(CUSTOMER + 0.1 * AGENT), over_a_line(AGENT))
    assert share_flagged(find_crosstalk(pair, 0), 0.3, 7.5) > 0.95
    assert not find_crosstalk(pair, 1).any()


def test_both_speak_at_once_over_crosstalk():
    both = compare_channels(
        over_a_line(AGENT), over_a_line(np.roll(CUSTOMER, -64_000) + AGENT / 10)
    )
    flags = find_crosstalk(both, 1)
    assert share_flagged(flags, 0.3, 3.5) > 0.9
    assert share_flagged(flags, 4.6, 7.5) < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_two_voices_that_overlap_are_no_crosstalk(seed):
    pair = compare_channels(over_a_line(voice(12, seed)), over_a_line(voice(12, 50 + seed) / 4))
    assert not find_crosstalk(pair, 0).any()
    assert not find_crosstalk(pair, 1).any()
    assert not is_dual_mono(pair)


@pytest.mark.parametrize("gain", [1.0, -1.0, 0.5, 2.0])
def test_copies_of_one_channel_are_dual_mono(gain):
    mixed = AGENT + CUSTOMER
    assert is_dual_mono(compare_channels(over_a_line(mixed, 1), over_a_line(gain * mixed, 2)))


def test_a_common_hum_and_silence_are_no_copies():
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(len(AGENT)) / SAMPLE_RATE_HZ)
    pair = compare_channels((AGENT + hum).astype(np.float32), (CUSTOMER + hum).astype(np.float32))
    assert not is_dual_mono(pair)
    assert not find_crosstalk(pair, 1)[33:].any()
    empty = compare_channels(silence(5), silence(5))
    assert not is_dual_mono(empty)
    assert not find_crosstalk(empty, 1).any()


def test_of_two_equal_copies_for_a_while_the_second_is_left_out():
    announcement = voice(6, 3)
    first = np.concatenate([announcement, voice(6, 4)])
    second = np.concatenate([announcement, voice(6, 5)])
    pair = compare_channels(over_a_line(first, 1), over_a_line(second, 2))
    assert not is_dual_mono(pair)
    assert not find_crosstalk(pair, 0).any()
    assert share_flagged(find_crosstalk(pair, 1), 0.3, 5.5) > 0.9
    assert share_flagged(find_crosstalk(pair, 1), 6.5, 12) == 0


def test_short_channels_have_no_blocks():
    pair = compare_channels(silence(0.2), silence(0.2))
    assert len(pair.correlation) == 0
    assert not is_dual_mono(pair)
    assert flagged_spans(find_crosstalk(pair, 1), Span(0, 0.2)) == [(False, Span(0, 0.2))]


def test_a_span_is_cut_between_blocks_whose_flags_differ():
    flags = np.array([True, True, False, False])
    parts = flagged_spans(flags, Span(0, 1.2))
    assert [flag for flag, _ in parts] == [True, False]
    assert parts[0][1].end_s == parts[1][1].start_s == pytest.approx(0.256 + 1.5 * 0.256)
