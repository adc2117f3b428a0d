"""Emotions by emotion2vec: segments into batches, frame features into posteriors.

The model itself is computed in `emotion2vec_encoder`; windows, labels and spans are in
`callqa_assets.domain.emotion.timeline`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from callqa_assets.domain.audio.segments import cut_segment, segment_bounds
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import WindowConfig, window_bounds
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ChannelSound,
    ModelIdentity,
    SegmentEmotion,
    Span,
    SpeechChannel,
    Waveform,
)
from resources.speech_models.emotion.emotion2vec_encoder import (
    FRAME_SAMPLES,
    SHIFT_SAMPLES,
    Emotion2vecEncoder,
    Emotion2vecError,
)
from resources.speech_models.parts import EmotionSection, Host, HubId, HubWeights
from resources.speech_models.runtime.device import Device, MemoryGuard, Precision, send
from resources.speech_models.runtime.funasr_loading import load_model
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.layouts import COMMON_FILES, Layout
from resources.speech_models.weights.wheels import StoredModel

if TYPE_CHECKING:
    import torch

LAYOUT = Layout(
    "emotion2vec",
    "Emotion2vec",
    (*COMMON_FILES, "tokens.*"),
    unused=("modality_encoders.AUDIO.decoder.",),
)

FRAME_RATE_HZ = SAMPLE_RATE_HZ / SHIFT_SAMPLES
WINDOW_S = 3.0
"""emotion2vec is unreliable on shorter audio (ddlBoJack/emotion2vec, issue 41)."""


@dataclass(frozen=True)
class Emotion2vecConfig:
    max_piece_s: Annotated[float, Field(gt=0)] = 10.0
    """A longer segment is computed in equal pieces: the cost of attention grows with the square of
    the length, and the model was trained on clips of a few seconds."""
    batch_s: Annotated[float | None, Field(gt=0)] = None
    """Seconds of audio in one batch, padding included. None: 240 s on an accelerator; on a CPU each
    segment alone, where batches gain nothing and padding costs."""
    embeddings: bool = False
    """Whether each segment's mean frame features are returned, to be stored."""


ACCELERATOR_BATCH_S = 240.0


@dataclass(frozen=True)
class _Utterance:
    """A segment as it goes into the model; its samples are read when its batch is computed."""

    waveform: ChannelSound
    segment: Span
    cuts: Sequence[int]
    """Frames at which its pieces begin, and the end of the last."""
    starts: NDArray[np.int64]
    """First frame of each window."""
    ends: NDArray[np.int64]

    @property
    def frames(self) -> list[int]:
        """Frames of each piece."""
        return [stop - start for start, stop in itertools.pairwise(self.cuts)]

    def pieces(self) -> list[Waveform]:
        """Their frames, concatenated, are the segment's frames; neighbours share 5 ms of audio.

        Raises ValueError where the segment holds NaN or infinite samples.
        """
        samples = cut_segment(self.waveform, self.segment)
        if not np.isfinite(samples).all():
            raise ValueError(f"{self.segment} holds NaN or infinite samples")
        samples = np.pad(samples, (0, max(0, FRAME_SAMPLES - len(samples))))
        overlap = FRAME_SAMPLES - SHIFT_SAMPLES
        pieces = [
            samples[start * SHIFT_SAMPLES : stop * SHIFT_SAMPLES + overlap]
            for start, stop in itertools.pairwise(self.cuts)
        ]
        # Samples after the last frame count in the normalisation, as in funasr.
        pieces[-1] = samples[self.cuts[-2] * SHIFT_SAMPLES :]
        return pieces

    def averages(self, padded: int) -> NDArray[np.float32]:
        """Weights of the means over the segment and over each window, [1 + windows, columns].

        The columns are the frames of the pieces' rows, concatenated, each padded to `padded`.
        """
        column = np.concatenate(
            [row * padded + np.arange(count) for row, count in enumerate(self.frames)]
        )
        weights = np.zeros((1 + len(self.starts), len(self.frames) * padded), np.float32)
        weights[0, column] = 1 / len(column)
        for row, start, end in zip(weights[1:], self.starts, self.ends, strict=True):
            row[column[start:end]] = 1 / (end - start)
        return weights


class Emotion2vecRecognizer:
    """Emotion recognizer of the production profiles.

    In fp32 a result differs by less than 1e-5 from the model's result for the segment alone,
    whatever shares its batch; on a CPU, without `batch_s`, it does not differ at all.
    """

    identity: ModelIdentity

    def __init__(
        self,
        stored: StoredModel,
        *,
        device: Device,
        windows: WindowConfig,
        config: Emotion2vecConfig,
    ) -> None:
        """Raises ModelFolderError where the folder holds no complete emotion2vec, and
        Emotion2vecError where architecture or labels differ from the published models'."""
        loaded = load_model(stored.folder, LAYOUT, device, cast_weights=True)
        self._encoder = Emotion2vecEncoder(loaded.model)
        columns, tokens = _match_labels(loaded.tokenizer.token_list)
        self._columns = columns
        self._projection = loaded.model.proj.weight[tokens].float()
        self._projection_bias = loaded.model.proj.bias[tokens].float()
        self._device, self._windows, self._config = device, windows, config
        self.guard = MemoryGuard(device)
        self.identity = self.identify(stored.sha256, device.precision, windows, config)

    @staticmethod
    def identify(
        weights_sha256: str,
        precision: Precision,
        windows: WindowConfig,
        config: Emotion2vecConfig,
    ) -> ModelIdentity:
        """The recognizer's identity, without loading it. Batches change no result."""
        settings = {key: value for key, value in asdict(config).items() if key != "batch_s"}
        return ModelIdentity(
            "emotion2vec", weights_sha256, {**asdict(windows), **settings, "precision": precision}
        )

    def recognize(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentEmotion]]:
        """One result per segment, in the order given.

        Raises ValueError where a segment lies outside its channel or holds NaN or infinite samples,
        DeviceError where one alone does not fit into the device's memory, Emotion2vecError where
        the precision overflows.
        """
        segments = [segment for channel in channels for segment in channel.segments]
        utterances = [
            self._split(channel.waveform, segment)
            for channel in channels
            for segment in channel.segments
        ]
        results: dict[int, _Result] = {}
        # Results are read after the last batch was started, so that each batch is prepared while
        # the device still computes those before it.
        for batch in self._make_batches(utterances):
            computed = self.guard.compute([utterances[index] for index in batch], self._compute)
            results.update(zip(batch, computed, strict=True))
        emotions = (
            self._describe(segment, utterance, results[index])
            for index, (segment, utterance) in enumerate(zip(segments, utterances, strict=True))
        )
        return [list(itertools.islice(emotions, len(channel.segments))) for channel in channels]

    def _split(self, waveform: ChannelSound, segment: Span) -> _Utterance:
        first, last = segment_bounds(waveform, segment)
        frames = (max(FRAME_SAMPLES, last - first) - FRAME_SAMPLES) // SHIFT_SAMPLES + 1
        count = math.ceil(frames / (self._config.max_piece_s * FRAME_RATE_HZ))
        cuts = [round(frames * i / count) for i in range(count + 1)]
        starts, ends = window_bounds(frames, self._windows)
        return _Utterance(waveform, segment, cuts, starts, ends)

    def _make_batches(self, utterances: Sequence[_Utterance]) -> Iterator[list[int]]:
        """Indices of the segments of each batch: sorted by length, the longest first."""
        batch_s = self._config.batch_s
        if batch_s is None:
            batch_s = ACCELERATOR_BATCH_S if self._device.is_accelerator else 0.0
        batch: list[int] = []
        rows = 0
        longest_first = sorted(
            range(len(utterances)), key=lambda index: -max(utterances[index].frames)
        )
        for index in longest_first:
            rows += len(utterances[index].frames)
            if batch and rows * max(utterances[batch[0]].frames) > batch_s * FRAME_RATE_HZ:
                yield batch
                batch, rows = [], len(utterances[index].frames)
            batch.append(index)
        if batch:
            yield batch

    def _compute(self, utterances: Sequence[_Utterance]) -> list[_Result]:
        """Start a batch on the device, and the copy of its results to the host."""
        import torch
        from torch.nn import functional

        frames = [count for utterance in utterances for count in utterance.frames]
        longest = max(frames) + 1
        waveforms = self._make_tensor(len(frames), longest * SHIFT_SAMPLES)
        pieces = itertools.chain.from_iterable(utterance.pieces() for utterance in utterances)
        for row, piece in zip(waveforms, pieces, strict=True):
            samples = functional.layer_norm(torch.from_numpy(piece), piece.shape)[: len(row)]
            row[: len(samples)] = samples
        averages = [utterance.averages(longest) for utterance in utterances]
        flat = self._make_tensor(sum(weights.size for weights in averages))
        np.concatenate([weights.ravel() for weights in averages], out=flat.numpy())
        with torch.inference_mode():
            features = self._encoder.encode(
                self._send(waveforms), self._send(torch.tensor(frames))
            ).float()
            pooled = [
                weights.view(-1, rows.shape[0] * rows.shape[1]) @ rows.flatten(0, 1)
                for weights, rows in zip(
                    self._send(flat).split([weights.size for weights in averages]),
                    features.split([len(utterance.frames) for utterance in utterances]),
                    strict=True,
                )
            ]
            logits = functional.linear(torch.cat(pooled), self._projection, self._projection_bias)
            scores = _HostCopy(logits.softmax(dim=1))
            kept = [means[:1] for means in pooled] if self._config.embeddings else []
            embeddings = _HostCopy(torch.cat(kept)) if kept else None
        ends = list(itertools.accumulate(len(weights) for weights in averages))
        return [
            _Result(scores, slice(end - len(weights), end), embeddings, number)
            for number, (weights, end) in enumerate(zip(averages, ends, strict=True))
        ]

    def _make_tensor(self, *shape: int) -> torch.Tensor:
        """Zeros on the host; pinned for CUDA, so that copies do not block."""
        import torch

        return torch.zeros(*shape, pin_memory=self._device.kind == "cuda")

    def _send(self, tensor: torch.Tensor) -> torch.Tensor:
        return send(tensor, self._device.name)

    def _describe(self, segment: Span, utterance: _Utterance, result: _Result) -> SegmentEmotion:
        known = result.scores.read()[result.rows]
        if not np.isfinite(known).all():
            raise Emotion2vecError(
                f"emotion2vec overflows in {self._device.precision} on {segment}: set precision to "
                "bf16 or fp32 in the profile"
            )
        scores = np.zeros((len(known), len(EMOTIONS)), np.float32)
        scores[:, self._columns] = known
        window_end_s = segment.start_s + utterance.ends / FRAME_RATE_HZ
        # The last frame ends up to 25 ms before the segment does.
        window_end_s[-1] = segment.end_s
        return SegmentEmotion(
            scores=scores[0],
            window_start_s=segment.start_s + utterance.starts / FRAME_RATE_HZ,
            window_end_s=window_end_s,
            windows=scores[1:],
            embedding=result.embeddings.read()[result.number] if result.embeddings else None,
        )


class _HostCopy:
    """A tensor being copied from the device; reading it waits for its own batch alone."""

    def __init__(self, tensor: torch.Tensor) -> None:
        import torch

        self._arrived: torch.cuda.Event | None = None
        if tensor.is_cuda:
            self._tensor = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._tensor.copy_(tensor, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()
        else:
            self._tensor = tensor.cpu()

    def read(self) -> NDArray[np.float32]:
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._tensor.numpy()


@dataclass(frozen=True)
class _Result:
    """Where one segment's results are in those of its batch."""

    scores: _HostCopy
    """Shape [rows of the batch, known emotions]."""
    rows: slice
    """The segment's rows: the mean over the segment, then over each window."""
    embeddings: _HostCopy | None
    number: int
    """The segment's row of `embeddings`."""


def _match_labels(tokens: Sequence[str]) -> tuple[list[int], list[int]]:
    """Columns of `EMOTIONS` that the model has, and the matching rows of its projection.

    Labels are `生气/angry`, ..., `<unk>`; those that begin with `unuse` are ignored.
    """
    rows = {
        "unknown" if label == "<unk>" else label.rpartition("/")[2]: row
        for row, label in enumerate(tokens)
        if not label.startswith("unuse")
    }
    strange = sorted(rows.keys() - set(EMOTIONS))
    if strange or not rows:
        raise Emotion2vecError(
            f"tokens.txt names emotions that callqa does not know ({', '.join(strange)}): "
            f"use a published emotion2vec model, with {', '.join(EMOTIONS)}"
        )
    known = [emotion for emotion in EMOTIONS if emotion in rows]
    return [EMOTIONS.index(emotion) for emotion in known], [rows[emotion] for emotion in known]


class Emotion2vecWeights(HubWeights):
    layout: ClassVar[Layout] = LAYOUT
    model: HubId = "iic/emotion2vec_plus_large"
    revision: str = "v2.0.5"


class Emotion2vecPart(EmotionSection):
    """emotion2vec+ large, on the profile's device."""

    backend: Literal["emotion2vec"]
    weights: Emotion2vecWeights = Emotion2vecWeights()
    settings: Emotion2vecConfig = Emotion2vecConfig()
    windows: WindowConfig = WindowConfig(window_sec=WINDOW_S)

    @field_validator("windows", mode="before")
    @classmethod
    def _keep_length(cls, windows: Any) -> Any:
        """Where only other keys of `windows` are set, keep this model's window length."""
        if isinstance(windows, dict):
            return {"window_sec": WINDOW_S, **windows}
        return windows

    def models(self, profile: str) -> list[Model]:
        return [self.weights.of(profile)]

    def read_emotions(self) -> Sequence[str]:
        """The emotions that it recognises: those of the published model, without loading it."""
        return EMOTIONS

    def identify(self, host: Host) -> ModelIdentity:
        stored = self.weights.require(host)
        return Emotion2vecRecognizer.identify(
            stored.sha256, host.device.precision, self.windows, self.settings
        )

    def open(self, host: Host) -> Emotion2vecRecognizer:
        stored = self.weights.require(host)
        return Emotion2vecRecognizer(
            stored, device=host.hold_device(), windows=self.windows, config=self.settings
        )
