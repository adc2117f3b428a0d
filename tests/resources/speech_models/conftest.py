"""Tiny model folders, each built once per session, and clips for the recognizers."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, Waveform
from resources.speech_models.asr import nano, punctuation, sensevoice
from resources.speech_models.asr.clips import Clip
from resources.speech_models.asr.seaco import PARAFORMER, SEACO
from resources.speech_models.emotion import emotion2vec
from resources.speech_models.vad import detector
from resources.speech_models.weights.layouts import Layout
from tests.support.tiny_checkpoints import build_tiny

LAYOUTS: Mapping[str, Layout] = {
    layout.family: layout
    for layout in (
        *(detector.LAYOUT, SEACO, PARAFORMER, sensevoice.LAYOUT, nano.LAYOUT),
        *(punctuation.LAYOUT, emotion2vec.LAYOUT),
    )
}


def make_sound(seconds: float) -> Waveform:
    """Syllables of noise: a tiny model gives another text for each length."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    rng = np.random.default_rng(samples)
    loudness = 1 + np.sin(np.arange(samples) / SAMPLE_RATE_HZ * 2 * np.pi * (2 + samples % 3))
    pitch = np.sin(np.arange(samples) / SAMPLE_RATE_HZ * 2 * np.pi * (100 + samples % 300))
    return (0.05 * loudness * (pitch + rng.normal(0, 0.5, samples))).astype(np.float32)


def make_clip(
    seconds: float, *, language: str | None = None, hotwords: tuple[str, ...] = ()
) -> Clip:
    sound = make_sound(seconds)
    return Clip(sound, 0, len(sound), Span(0, seconds), language, hotwords)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a family's tiny model; not to be changed."""
    return cache(lambda family: build_tiny(family, tmp_path_factory.mktemp(family)))


@pytest.fixture
def clip() -> Callable[..., Clip]:
    """A clip of so many seconds."""
    return make_clip
