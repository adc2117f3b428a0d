"""SenseVoice: five languages, with punctuation, numbers as digits, and word times; no hotwords.

funasr's module computes the encoder; the queries before the speech are set for each clip, so that
a batch may mix languages. Word times are those of the decoded CTC path, the likeliest alignment of
its own tokens.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.asr.clips import Clip, Recognition
from resources.speech_models.asr.funasr_transcriber import FunasrPart, FunasrTranscriber
from resources.speech_models.asr.words import join_pieces, shift_words
from resources.speech_models.parts import Host, HubId, HubWeights
from resources.speech_models.runtime.device import Device, Precision, send
from resources.speech_models.runtime.funasr_loading import computing, load_model
from resources.speech_models.runtime.lfr_features import Features
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.layouts import COMMON_FILES, Layout

if TYPE_CHECKING:
    import torch

LAYOUT = Layout("sensevoice", "SenseVoiceSmall", (*COMMON_FILES, "am.mvn", "*bpe.model"))

QUERIES = 4
"""Frames before the speech, whose outputs are language, emotion, event and style."""
CENTRE_S = 0.03
"""A stacked frame represents the audio around its start (funasr's `output_timestamp`)."""

_EVENT_QUERY, _EMOTION_QUERY = 1, 2


class SenseVoiceRecognizer:
    """SenseVoice Small."""

    has_word_times = True

    def __init__(self, folder: Path, device: Device, weights_sha256: str) -> None:
        """Raises ModelFolderError or FrontendError for an unusable folder."""
        self.identity = self.identify(weights_sha256, device.precision)
        loaded = load_model(folder, LAYOUT, device)
        self._device = device
        self._model = loaded.model
        self._pieces = loaded.tokenizer.sp
        self._features = Features(loaded.frontend, device)

    @staticmethod
    def identify(weights_sha256: str, precision: Precision) -> ModelIdentity:
        """The recognizer's identity, without loading it."""
        return ModelIdentity(
            "sensevoice", weights_sha256, {"precision": precision, "hotwords": "none"}
        )

    def batch_key(self, clip: Clip) -> Hashable:
        del clip
        return ()

    def recognize(self, clips: Sequence[Clip]) -> list[Recognition]:
        """Raises ValueError for a language that SenseVoice does not know."""
        for clip in clips:
            if clip.language is not None and clip.language not in self._model.lid_dict:
                raise ValueError(
                    f"SenseVoice knows no language {clip.language!r}; use zh, en, yue, ja or ko"
                )
        with computing(self._device):
            speech, lengths = self._features.compute([clip.samples for clip in clips])
            speech = self._put_queries(speech, clips)
            frames = send(lengths + QUERIES, speech.device)
            encoded, _ = self._model.encoder(speech, frames)
            logprobs, ids = self._model.ctc.log_softmax(encoded).max(-1)
            best, scores = ids.cpu(), logprobs.float().cpu()
        return [
            self._write(clip, best[row, :count].tolist(), scores[row, :count].tolist())
            for row, (clip, count) in enumerate(
                zip(clips, (lengths + QUERIES).tolist(), strict=True)
            )
        ]

    def _put_queries(self, speech: torch.Tensor, clips: Sequence[Clip]) -> torch.Tensor:
        """The features after the queries for language, event, emotion and style, as in training."""
        import torch

        style = self._model.textnorm_dict["withitn"]
        queries = [
            [
                self._model.lid_dict[clip.language or "auto"],
                _EVENT_QUERY,
                _EMOTION_QUERY,
                style,
            ]
            for clip in clips
        ]
        embedded = self._model.embed(send(torch.tensor(queries), speech.device))
        return torch.cat([embedded, speech], dim=1)

    def _write(self, clip: Clip, ids: list[int], logprobs: list[float]) -> Recognition:
        """Runs of one token in the path become one piece; tags (`<|…|>`) are not text."""
        spoken: list[tuple[str, float, float]] = []
        scores: list[float] = []
        position = QUERIES
        for token, run in groupby(ids[QUERIES:]):
            start = position
            position += len(list(run))
            piece = self._pieces.id_to_piece(token)
            if token == self._model.blank_id or _is_tag(piece):
                continue
            times = [
                max(0.0, (frame - QUERIES) * self._features.frame_s - CENTRE_S)
                for frame in (start, position)
            ]
            spoken.append((piece, times[0], times[1]))
            scores.extend(logprobs[start:position])
        named = [self._pieces.id_to_piece(token) for token in ids[:1]]
        language = clip.language or _language(named[0] if named else "")
        return Recognition(
            language=language,
            words=shift_words(join_pieces(spoken), clip.start_s, clip.end_s),
            confidence=math.exp(sum(scores) / len(scores)) if scores else 0.0,
        )


def _is_tag(piece: str) -> bool:
    return piece.startswith("<|") or piece in ("<unk>", "<s>", "</s>")


def _language(tag: str) -> str:
    """The language in the model's first tag; Chinese, most of its training data, where none is."""
    name = tag.strip("<|>")
    return name if name in ("zh", "en", "yue", "ja", "ko") else "zh"


class SenseVoiceWeights(HubWeights):
    layout: ClassVar[Layout] = LAYOUT
    model: HubId = "iic/SenseVoiceSmall"
    revision: str = "master"


class SenseVoicePart(FunasrPart):
    """SenseVoice Small, which writes punctuation itself, on the profile's device."""

    backend: Literal["sensevoice"]
    weights: SenseVoiceWeights = SenseVoiceWeights()

    def models(self, profile: str) -> list[Model]:
        return [self.weights.of(profile)]

    def identify(self, host: Host) -> ModelIdentity:
        stored = self.weights.require(host)
        recognizer = SenseVoiceRecognizer.identify(stored.sha256, host.device.precision)
        return FunasrTranscriber.identify(recognizer, self.settings)

    def open(self, host: Host) -> FunasrTranscriber:
        stored = self.weights.require(host)
        device = host.hold_device()
        recognizer = SenseVoiceRecognizer(stored.folder, device, stored.sha256)
        return FunasrTranscriber(recognizer, self.settings, device)
