"""Paraformer and SeACo-Paraformer: Chinese with word times, SeACo with hotwords.

funasr's modules compute encoder, decoders and hotword bias; `cif` connects them, `lfr_features`
makes their input. Unlike in funasr's own batches, a clip's time stamps do not depend on the batch,
nor do its hotwords where a list has more than FILTERED of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.domain.text.hotwords import SPOKEN_DIGITS
from resources.speech_models.asr.cif import Predictor, Tokens, find_token_times
from resources.speech_models.asr.clips import Clip, Recognition
from resources.speech_models.asr.funasr_transcriber import FunasrPart, FunasrTranscriber
from resources.speech_models.asr.punctuation import CtPunctuator, CtPuncWeights
from resources.speech_models.asr.words import join_tokens, shift_words
from resources.speech_models.parts import Host, HubId, HubWeights
from resources.speech_models.runtime.device import Device, Precision
from resources.speech_models.runtime.funasr_loading import computing, load_model
from resources.speech_models.runtime.lfr_features import Features
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.layouts import COMMON_FILES, Layout

if TYPE_CHECKING:
    import torch

SEACO = Layout("seaco", "SeacoParaformer", (*COMMON_FILES, "am.mvn", "tokens.*", "seg_dict"))
PARAFORMER = Layout("paraformer", "Paraformer", (*COMMON_FILES, "am.mvn", "tokens.*"))

FILTERED = 50
"""Of a longer list, SeACo keeps the likeliest hotwords of the batch (`nfilter` in funasr)."""

_SPECIAL = ("<s>", "</s>", "<unk>", "<blank>")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Decoded:
    """The result of one clip, on the CPU."""

    ids: list[int]
    logprobs: list[float]
    times: list[tuple[float, float]]


class SeacoRecognizer:
    """Paraformer, with or without SeACo's hotwords."""

    has_word_times = True

    def __init__(
        self,
        folder: Path,
        device: Device,
        weights_sha256: str,
        layout: Layout = SEACO,
    ) -> None:
        """Raises ModelFolderError, FrontendError or PredictorError for an unusable folder."""
        self.identity = self.identify(weights_sha256, device.precision, layout)
        loaded = load_model(folder, layout, device)
        self._device = device
        self._model = loaded.model
        self._frontend = loaded.frontend
        self._tokenizer = loaded.tokenizer
        self._vocabulary: list[str] = list(loaded.tokenizer.token_list)
        self._features = Features(loaded.frontend, device)
        self._predictor = Predictor(loaded.model.predictor)
        self._hotwords: dict[tuple[str, ...], list[list[int]] | None] = {}

    @staticmethod
    def identify(
        weights_sha256: str,
        precision: Precision,
        layout: Layout = SEACO,
    ) -> ModelIdentity:
        """The recognizer's identity, without loading it; `layout` is SEACO or PARAFORMER."""
        return ModelIdentity(
            layout.family, weights_sha256, {"precision": precision}, takes_hotwords=layout == SEACO
        )

    def batch_key(self, clip: Clip) -> Hashable:
        return clip.hotwords if self.identity.takes_hotwords else ()

    def recognize(self, clips: Sequence[Clip]) -> list[Recognition]:
        """Raises ValueError for a language that Paraformer does not know."""
        for clip in clips:
            if clip.language not in (None, "zh", "en"):
                raise ValueError(
                    f"Paraformer knows no language {clip.language!r}; use zh, which may hold "
                    "English words, or another transcriber"
                )
        hotwords = self._tokenize(clips[0].hotwords) if self.identity.takes_hotwords else None
        decoded = self._decode_clips(clips, hotwords)
        return [self._write(clip, result) for clip, result in zip(clips, decoded, strict=True)]

    def _decode_clips(
        self, clips: Sequence[Clip], hotwords: list[list[int]] | None
    ) -> list[_Decoded]:
        import torch

        with computing(self._device):
            speech, lengths = self._features.compute([clip.samples for clip in clips])
            encoded, _ = self._model.encode(speech, lengths)
            # Integrating rounded weights would lose tokens: the predictor computes in fp32.
            with torch.autocast(self._device.kind, enabled=False):
                tokens = self._predictor.predict(encoded.float(), lengths)
            logprobs, ids = self._decode(encoded, lengths, tokens, hotwords).max(-1)
            counts, alphas = tokens.counts.cpu().tolist(), tokens.alphas.cpu().numpy()
            best, scores = ids.cpu().tolist(), logprobs.float().cpu().tolist()
        frame_s = self._features.frame_s / self._predictor.upsampling
        return [
            _Decoded(
                best[row][:count],
                scores[row][:count],
                find_token_times(alphas[row, :frames_of_row], count, frame_s),
            )
            for row, (count, frames_of_row) in enumerate(
                zip(counts, self._stamp_frames(lengths), strict=True)
            )
        ]

    def _stamp_frames(self, lengths: torch.Tensor) -> list[int]:
        """Time-stamp frames of each row; without upsampling, they include the tail."""
        rate = self._predictor.upsampling
        return [length * rate + (rate == 1) for length in lengths.tolist()]

    def _decode(
        self,
        encoded: torch.Tensor,
        lengths: torch.Tensor,
        tokens: Tokens,
        hotwords: list[list[int]] | None,
    ) -> torch.Tensor:
        """Log-probabilities [n, most tokens, vocabulary]."""
        import torch

        if tokens.embeddings.shape[1] == 0:
            return encoded.new_zeros(len(encoded), 0, len(self._vocabulary))
        on_device = lengths.to(encoded.device)
        if not self.identity.takes_hotwords:
            return self._model.cal_decoder_with_predictor(
                encoded, on_device, tokens.embeddings, tokens.counts
            )[0]
        if hotwords is None or len(hotwords) <= FILTERED:
            return self._decode_seaco(
                encoded, on_device, tokens.embeddings, tokens.counts, hotwords
            )
        alone = torch.zeros(*tokens.embeddings.shape[:2], len(self._vocabulary)).to(encoded.device)
        for row, (frames, count) in enumerate(
            zip(lengths.tolist(), tokens.counts.tolist(), strict=True)
        ):
            if count:
                alone[row, :count] = self._decode_seaco(
                    encoded[row : row + 1, :frames],
                    on_device[row : row + 1],
                    tokens.embeddings[row : row + 1, :count],
                    tokens.counts[row : row + 1],
                    hotwords,
                )
        return alone

    def _decode_seaco(
        self,
        encoded: torch.Tensor,
        lengths: torch.Tensor,
        embeddings: torch.Tensor,
        counts: torch.Tensor,
        hotwords: list[list[int]] | None,
    ) -> torch.Tensor:
        return self._model._seaco_decode_with_ASF(
            encoded, lengths, embeddings, counts, hw_list=hotwords, nfilter=FILTERED
        )

    def _tokenize(self, hotwords: tuple[str, ...]) -> list[list[int]] | None:
        """Token ids of each hotword, as in funasr, and funasr's sentinel; None without hotwords.

        Digits are spelt out, as the model writes them. A hotword with a character that the model
        does not know is left out, with a warning in the log, once.
        """
        if hotwords not in self._hotwords:
            spoken = ["".join(SPOKEN_DIGITS.get(c, c) for c in word) for word in hotwords]
            # One by one, after a space: funasr would fetch a list that begins with http.
            tokenized = [
                self._model.generate_hotwords_list(f" {word}", self._tokenizer, self._frontend)
                for word in spoken
            ]
            unknown = self._vocabulary.index("<unk>")
            ids = [part for *parts, _ in tokenized for part in parts if unknown not in part]
            left_out = [
                word
                for word, (*parts, _) in zip(hotwords, tokenized, strict=True)
                if any(unknown in part for part in parts)
            ]
            if left_out:
                _log.warning("SeACo does not know %d hotword(s): %s", len(left_out), left_out)
            self._hotwords[hotwords] = [*ids, [self._model.sos]] if ids else None
        return self._hotwords[hotwords]

    def _write(self, clip: Clip, decoded: _Decoded) -> Recognition:
        kept = [
            (self._vocabulary[token], start_s, end_s, logprob)
            for token, logprob, (start_s, end_s) in zip(
                decoded.ids, decoded.logprobs, decoded.times, strict=True
            )
            if self._vocabulary[token] not in _SPECIAL
        ]
        words = join_tokens((token, start_s, end_s) for token, start_s, end_s, _ in kept)
        return Recognition(
            language=clip.language or "zh",
            words=shift_words(words, clip.start_s, clip.end_s),
            confidence=math.exp(sum(p for *_, p in kept) / len(kept)) if kept else 0.0,
        )


class SeacoWeights(HubWeights):
    layout: ClassVar[Layout] = SEACO
    model: HubId = "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    revision: str = "v2.0.4"


class ParaformerWeights(HubWeights):
    layout: ClassVar[Layout] = PARAFORMER
    model: HubId = "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    revision: str = "v2.0.4"


class SeacoPart(FunasrPart):
    """SeACo-Paraformer with hotwords and word times, and ct-punc, on the profile's device."""

    backend: Literal["seaco"]
    weights: SeacoWeights = SeacoWeights()
    punctuation: CtPuncWeights | None = CtPuncWeights()
    """None: no punctuation."""

    def models(self, profile: str) -> list[Model]:
        marks = [self.punctuation.of(profile)] if self.punctuation else []
        return [self.weights.of(profile), *marks]

    def identify(self, host: Host) -> ModelIdentity:
        seaco = self.weights.require(host)
        marks = self.punctuation and self.punctuation.require(host)
        precision = host.device.precision
        return FunasrTranscriber.identify(
            SeacoRecognizer.identify(seaco.sha256, precision),
            self.settings,
            CtPunctuator.identify(marks.sha256, precision) if marks else None,
        )

    def open(self, host: Host) -> FunasrTranscriber:
        seaco = self.weights.require(host)
        marks = self.punctuation and self.punctuation.require(host)
        device = host.hold_device()
        return FunasrTranscriber(
            SeacoRecognizer(seaco.folder, device, seaco.sha256),
            self.settings,
            device,
            CtPunctuator(marks.folder, device, marks.sha256) if marks else None,
        )
