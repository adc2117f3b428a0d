"""Degradations do to a voice what their names and decibels say."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.speech import SAMPLE_RATE_HZ
from training.degradations import (
    active_level_db,
    add_noise,
    change_gain,
    change_speed,
    pass_telephone,
    reverberate,
)


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.3) -> np.ndarray:
    t = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def level_db(waveform: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)) + 1e-12))


def test_a_telephone_keeps_the_voice_band_and_drops_what_is_above() -> None:
    low, high = pass_telephone(tone(1000), "ULAW"), pass_telephone(tone(6000), "ULAW")
    assert level_db(low) == pytest.approx(level_db(tone(1000)), abs=0.3)
    assert level_db(high) < level_db(tone(6000)) - 40


def test_a_handset_drops_the_fundamental() -> None:
    degraded = pass_telephone(tone(120), "ALAW", band_hz=(300, 3400))
    assert level_db(degraded) < level_db(tone(120)) - 25


def test_noise_lies_the_asked_decibels_under_the_active_voice() -> None:
    voice = np.concatenate([np.zeros(SAMPLE_RATE_HZ, np.float32), tone(500)])
    noise = np.random.default_rng(0).normal(0, 0.02, 5000).astype(np.float32)
    degraded = add_noise(voice, noise, 10, np.random.default_rng(1))
    assert active_level_db(voice) - level_db(degraded - voice) == pytest.approx(10, abs=0.3)


def test_a_room_keeps_length_and_peak() -> None:
    room = np.array([1, 0, 0, 0.5, 0.25], np.float32)
    degraded = reverberate(tone(300), room)
    assert degraded.shape == tone(300).shape
    assert np.abs(degraded).max() == pytest.approx(np.abs(tone(300)).max(), rel=1e-5)


def test_speed_moves_pitch_and_tempo_together() -> None:
    fast = change_speed(tone(400), 1.25)
    assert len(fast) == pytest.approx(SAMPLE_RATE_HZ / 1.25, abs=2)
    assert np.abs(np.fft.rfft(fast)).argmax() / (len(fast) / SAMPLE_RATE_HZ) == pytest.approx(
        500, abs=2
    )


def test_gain_clips_at_full_scale() -> None:
    assert level_db(change_gain(tone(300), -6)) == pytest.approx(level_db(tone(300)) - 6, abs=1e-3)
    assert np.abs(change_gain(tone(300), 40)).max() == 1
