"""Sounds made by a program: tunes, call-progress tones, and voices that glide and pause."""

from __future__ import annotations

import numpy as np

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform

_NOISE = 1e-4


def tone(*lines_hz: float, seconds: float) -> Waveform:
    """Sinusoids of equal strength."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (sum(np.sin(2 * np.pi * hz * time_s) for hz in lines_hz) / len(lines_hz) / 5).astype(
        np.float32
    )


def silence(seconds: float) -> Waveform:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


def tune(seconds: float, seed: int = 0) -> Waveform:
    """Decaying chords of a random melody, two notes a second."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    waveform = np.zeros(len(time_s))
    for start_s in np.arange(0, seconds, 0.5):
        played = time_s >= start_s
        since_s = time_s[played] - start_s
        for step in rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 3, replace=False):
            hz = 220 * 2 ** (step / 12)
            for partial in range(1, 7):
                waveform[played] += (
                    np.exp(-2 * since_s) * np.sin(2 * np.pi * hz * partial * since_s) / partial
                )
    return (0.1 * waveform / np.abs(waveform).max() * 3).astype(np.float32)


def voice(seconds: float, seed: int = 0) -> Waveform:
    """Four syllables a second of harmonics of a gliding pitch, with pauses between words."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE_HZ)
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    knots = np.arange(0, seconds + 0.25, 0.12)
    pitch_hz = np.interp(time_s, knots, rng.uniform(120, 260, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    tract = rng.uniform(0.2, 1, 16)
    sound = sum(tract[n - 1] * np.sin(n * phase + rng.uniform(0, 6)) for n in range(1, 13))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time_s), 0, None) ** 0.5
    words = np.repeat(rng.random(int(seconds * 2) + 1) > 0.2, SAMPLE_RATE_HZ // 2)[:samples]
    waveform = 0.04 * sound * syllables * words + _NOISE * rng.standard_normal(samples)
    return waveform.astype(np.float32)


def over_a_line(waveform: Waveform, seed: int = 0) -> Waveform:
    """Through 8-bit µ-law, with the line's noise."""
    rng = np.random.default_rng(seed)
    noisy = np.clip(waveform + _NOISE * rng.standard_normal(len(waveform)), -1, 1)
    compressed = np.sign(noisy) * np.log1p(255 * np.abs(noisy)) / np.log(256)
    steps = np.round(compressed * 127) / 127
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255).astype(np.float32)
