"""Degradations of speech by telephone lines, noise and rooms, for training and evaluation.

Functions from waveform to waveform (mono float32, 16 kHz, [-1, 1]).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform
from training.corpora import read_waveform

TELEPHONE_RATE_HZ = 8_000
ACTIVE_RANGE_DB = 25.0
"""Frames within this range of the loudest count as speech when a level is measured."""

NOISES = ("keyboard", "air_conditioner_fan", "office", "crowd")
TRAINING_SHARE_OF_NOISE = 2 / 3
"""Training uses the first two thirds of each noise recording, evaluation the rest."""


@dataclass(frozen=True)
class Surroundings:
    """Recorded noises by name and one room impulse response."""

    noises: dict[str, Waveform]
    room: Waveform

    @classmethod
    def read(cls, testdata: Path, part: Literal["training", "evaluation"]) -> Surroundings:
        folder = testdata / "noise"
        noises: dict[str, Waveform] = {}
        for name in NOISES:
            noise = read_waveform(folder / f"{name}.flac")
            cut = int(len(noise) * TRAINING_SHARE_OF_NOISE)
            noises[name] = noise[:cut] if part == "training" else noise[cut:]
        return cls(noises, read_waveform(folder / "room_impulse_response.flac"))


def pass_telephone(
    waveform: Waveform, law: Literal["ULAW", "ALAW"], band_hz: tuple[float, float] | None = None
) -> Waveform:
    """Sent over a G.711 line at 8 kHz and back to 16 kHz; `band_hz` adds a handset's pass band."""
    narrow = soxr.resample(waveform, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ)
    if band_hz is not None:
        spectrum = np.fft.rfft(narrow)
        hz = np.fft.rfftfreq(len(narrow), 1 / TELEPHONE_RATE_HZ)
        spectrum[(hz < band_hz[0]) | (hz > band_hz[1])] = 0
        narrow = np.fft.irfft(spectrum, len(narrow))
    line = io.BytesIO()
    soundfile.write(line, np.clip(narrow, -1, 1), TELEPHONE_RATE_HZ, subtype=law, format="WAV")
    line.seek(0)
    received, _ = soundfile.read(line, dtype="float32")
    return soxr.resample(received, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ).astype(np.float32)


def active_level_db(waveform: Waveform) -> float:
    """Mean power of the 20 ms frames within `ACTIVE_RANGE_DB` of the loudest, in dBFS."""
    frame = SAMPLE_RATE_HZ // 50
    frames = waveform[: max(len(waveform) // frame, 1) * frame]
    power = np.square(frames, dtype=np.float64)
    power = power.reshape(-1, frame).mean(1) if len(frames) >= frame else power[None].mean(1)
    active = power[power >= power.max() * 10 ** (-ACTIVE_RANGE_DB / 10)]
    return float(10 * np.log10(active.mean() + 1e-12))


def add_noise(
    waveform: Waveform, noise: Waveform, snr_db: float, random: np.random.Generator
) -> Waveform:
    """Add noise from a random place of its recording, `snr_db` below the voice's active level."""
    start = int(random.integers(len(noise)))
    added = np.resize(np.roll(noise, -start), len(waveform))
    level_db = 10 * np.log10(np.mean(np.square(added, dtype=np.float64)) + 1e-12)
    gain_db = active_level_db(waveform) - snr_db - level_db
    return (waveform + added * 10 ** (gain_db / 20)).astype(np.float32)


def reverberate(waveform: Waveform, room: Waveform) -> Waveform:
    """The voice as a speakerphone in the room receives it; peak level and length are kept."""
    size = len(waveform) + len(room) - 1
    wet = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(room, size), size)
    wet = wet[: len(waveform)]
    peak = float(np.abs(wet).max())
    return (wet * (np.abs(waveform).max() / max(peak, 1e-9))).astype(np.float32)


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """Resampled to `factor` times the speed: pitch, formants and tempo change together."""
    return soxr.resample(waveform, SAMPLE_RATE_HZ * factor, SAMPLE_RATE_HZ).astype(np.float32)


def change_gain(waveform: Waveform, gain_db: float) -> NDArray[np.float32]:
    """Louder or softer by `gain_db`, clipped at full scale like a telephone line."""
    return np.clip(waveform * 10 ** (gain_db / 20), -1, 1).astype(np.float32)
