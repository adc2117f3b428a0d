"""The acted-emotion corpora, and their split into training and test speakers.

Degrading audio is in `degradations`, cutting and encoding in `clip_frames`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform

Split = Literal["train", "test"]

CORPORA = ("ravdess", "nemo_pl")

TEST_SPEAKERS = frozenset(
    ["ravdess_21", "ravdess_22", "ravdess_23", "ravdess_24", "nemo_EB0", "nemo_IC0"]
)
"""Used neither for training nor for any choice (model, temperature, floor, threshold)."""


@dataclass(frozen=True)
class Clip:
    """One acted sentence of one speaker."""

    path: Path
    corpus: str
    speaker: str
    emotion: str

    @property
    def split(self) -> Split:
        return "test" if self.speaker in TEST_SPEAKERS else "train"


def read_clips(testdata: Path) -> list[Clip]:
    """Every clip of both corpora, in the order of their manifests.

    Raises FileNotFoundError where a manifest is missing, ValueError for a label that is not in
    `EMOTIONS`.
    """
    clips: list[Clip] = []
    for corpus in CORPORA:
        folder = testdata / "emotion" / corpus
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as manifest:
            for row in csv.DictReader(manifest):
                if row["label"] not in EMOTIONS:
                    raise ValueError(f"{folder}/manifest.csv: unknown emotion {row['label']!r}")
                clips.append(Clip(folder / row["path"], corpus, row["speaker"], row["label"]))
    return clips


def read_waveform(path: Path) -> Waveform:
    """Mono 16 kHz samples of one clip; ValueError where the file is anything else."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ or samples.ndim != 1:
        raise ValueError(f"{path}: expected 16 kHz mono, got {rate_hz} Hz, shape {samples.shape}")
    return samples.astype(np.float32)
