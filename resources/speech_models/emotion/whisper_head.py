"""Emotions of the compact profile: our head on the frames of Whisper base's encoder.

The head was trained by `training/emotion_head.py`; `../weights` holds it and its model card.
Windows, pooling, labels and spans are in `domain.emotion.timeline`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.audio.segments import cut_segment
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import WindowConfig, window_bounds, windowed_pool
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ModelIdentity,
    SegmentEmotion,
    Span,
    SpeechChannel,
    Waveform,
)
from resources.speech_models.parts import EmotionSection, Host
from resources.speech_models.runtime.whisper import WHISPER_BASE, encode, log_mel, open_whisper
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.wheels import ModelFileError
from resources.storage.hashing import hash_content

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

FRAME_SAMPLES = 320
"""One encoder frame, 20 ms: two mel frames."""

MAX_PIECE_SEC = 10.0
"""A longer segment is encoded in equal pieces: the cost of attention grows with the square of the
length, and the head was trained on clips of a few seconds."""

HEAD_WEIGHTS = Path(__file__).parents[1] / "weights" / "emotion_head_whisper_base.safetensors"

CURE = "restore the file from the release of callqa that is installed"


@dataclass(frozen=True)
class EmotionHead:
    """Pooled frames → hidden layer (ReLU) → calibrated posteriors, in float64 numpy.

    Standardisation of the input and the temperature are folded into the matrices. Emotions that the
    training corpora lack have a posterior of 0.
    """

    emotions: Sequence[str]
    """The emotions of the rows of `output`: a subset of `EMOTIONS`."""
    hidden: NDArray[np.float64]
    """Shape [hidden, 2 · 512]."""
    hidden_bias: NDArray[np.float64]
    output: NDArray[np.float64]
    """Shape [len(emotions), hidden]."""
    output_bias: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> EmotionHead:
        """Raises ModelFileError where the file is missing or is not such a head."""
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            raise ModelFileError(f"emotion head {path} is missing: {CURE}")
        try:
            with safe_open(path, "numpy") as stored:
                emotions = json.loads(stored.metadata()["emotions"])
                tensors = {
                    name: stored.get_tensor(name).astype(np.float64)
                    for name in ("hidden", "hidden_bias", "output", "output_bias")
                }
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"emotion head {path} is damaged ({error!r}): {CURE}") from error
        return cls(emotions, **tensors)

    def posteriors(self, pooled: NDArray[np.float64]) -> NDArray[np.float32]:
        """Pooled frames [n, 2 · 512] → posteriors [n, 9] in `EMOTIONS` order; rows sum to 1."""
        active = np.maximum(pooled @ self.hidden.T + self.hidden_bias, 0)
        logits = active @ self.output.T + self.output_bias
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = np.zeros((len(pooled), len(EMOTIONS)), np.float32)
        columns = [EMOTIONS.index(emotion) for emotion in self.emotions]
        scores[:, columns] = weights / weights.sum(axis=1, keepdims=True)
        return scores


class WhisperEmotionRecognizer:
    """Emotion recognizer with a loaded Whisper base, which the transcriber may share."""

    identity: ModelIdentity

    def __init__(
        self,
        whisper: WhisperModel,
        *,
        windows: WindowConfig,
        workers: int,
        weights: Path = HEAD_WEIGHTS,
    ) -> None:
        """`workers` segments are encoded in parallel; load Whisper with as many workers.

        Raises ModelFileError where the head's weights are missing or damaged.
        """
        self._whisper = whisper
        self._windows = windows
        self._workers = workers
        self._head = EmotionHead.read(weights)
        self.identity = self.identify(windows, whisper.model.compute_type, weights)

    @staticmethod
    def identify(
        windows: WindowConfig, compute_type: str, weights: Path = HEAD_WEIGHTS
    ) -> ModelIdentity:
        """The recognizer's identity, without loading it.

        Raises ModelFileError where the head's weights are missing.
        """
        if not weights.is_file():
            raise ModelFileError(f"emotion head {weights} is missing: {CURE}")
        files = WHISPER_BASE.sha256 + hash_content(weights)
        return ModelIdentity(
            "whisper-base-emotion-head",
            hashlib.sha256(files.encode()).hexdigest(),
            {**asdict(windows), "compute_type": compute_type, "max_piece_sec": MAX_PIECE_SEC},
        )

    def recognize(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentEmotion]]:
        """One result per segment, in the order given; each segment is encoded alone.

        Raises ValueError where a segment lies outside its channel.
        """
        with ThreadPoolExecutor(self._workers) as pool:
            running = [
                [pool.submit(self._recognize, channel, segment) for segment in channel.segments]
                for channel in channels
            ]
            return [[segment.result() for segment in channel] for channel in running]

    def _recognize(self, channel: SpeechChannel, segment: Span) -> SegmentEmotion:
        frames = encode_segment(self._whisper, cut_segment(channel.waveform, segment))
        starts, ends = window_bounds(len(frames), self._windows)
        pooled = windowed_pool(frames, np.append(0, starts), np.append(len(frames), ends))
        scores = self._head.posteriors(pooled)
        rate_hz = self._windows.frame_rate_hz
        return SegmentEmotion(
            scores=scores[0],
            window_start_s=segment.start_s + starts / rate_hz,
            window_end_s=np.minimum(segment.start_s + ends / rate_hz, segment.end_s),
            windows=scores[1:],
        )


def encode_segment(whisper: WhisperModel, samples: Waveform) -> NDArray[np.float32]:
    """Encoder frames of one segment encoded alone, shape [T, 512], 50 Hz.

    The segment is padded with silence to whole frames (under 20 ms) and no further: its frames
    depend on its own samples only, as in training. Above `MAX_PIECE_SEC` it is encoded in equal
    pieces.
    """
    filled = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))
    frames = len(filled) // FRAME_SAMPLES
    count = math.ceil(len(filled) / (MAX_PIECE_SEC * SAMPLE_RATE_HZ))
    cuts = [round(frames * i / count) * FRAME_SAMPLES for i in range(count + 1)]
    return np.concatenate(
        [
            np.array(encode(whisper, log_mel(whisper, filled[start:stop])[None]))[0]
            for start, stop in itertools.pairwise(cuts)
        ]
    )


class WhisperHeadPart(EmotionSection):
    """Our emotion head on Whisper's encoder, on the CPU."""

    backend: Literal["whisper_head"]
    compute_type: str = "int8"
    """CTranslate2's precision. Parts that name the same one share one model."""

    def models(self, profile: str) -> list[Model]:
        del profile
        return [WHISPER_BASE]

    def read_emotions(self) -> Sequence[str]:
        """The emotions that it recognises. Raises ModelFileError without the head's weights."""
        return EmotionHead.read(HEAD_WEIGHTS).emotions

    def identify(self, host: Host) -> ModelIdentity:
        del host
        return WhisperEmotionRecognizer.identify(self.windows, self.compute_type)

    def open(self, host: Host) -> WhisperEmotionRecognizer:
        whisper = open_whisper(host, self.compute_type)
        return WhisperEmotionRecognizer(whisper, windows=self.windows, workers=host.threads)
