"""Fun-ASR-Nano: a language model with audio input; hotwords in its prompt, no word times.

funasr's modules compute encoder, adaptor and language model; prompts and clips become one batch
here. Words get their times from an aligner, another recognizer of the same clips (Paraformer), or
share their segment evenly where the profile names none.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from callqa_assets.domain.speech import ModelIdentity, Word
from resources.speech_models.asr.clips import Clip, Recognition, Recognizer
from resources.speech_models.asr.funasr_transcriber import FunasrPart, FunasrTranscriber
from resources.speech_models.asr.seaco import PARAFORMER, ParaformerWeights, SeacoRecognizer
from resources.speech_models.asr.words import (
    align_words,
    shift_words,
    split_characters,
    spread_evenly,
)
from resources.speech_models.parts import Host, HubId, HubWeights
from resources.speech_models.runtime.device import Device, Precision, send
from resources.speech_models.runtime.funasr_loading import computing, load_model
from resources.speech_models.runtime.lfr_features import Features
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.layouts import Layout

if TYPE_CHECKING:
    import torch

LAYOUT = Layout(
    "nano",
    "FunASRNano",
    (
        *("model.pt", "config.yaml", "configuration.json", "am.mvn?"),
        *("Qwen3-0.6B/config.json", "Qwen3-0.6B/tokenizer*", "Qwen3-0.6B/*?"),
    ),
)

LANGUAGES = {"zh": "中文", "en": "英文", "ja": "日文"}
"""As the model's prompt names them."""


@dataclass(frozen=True)
class NanoConfig:
    tokens_per_s: Annotated[float, Field(gt=0)] = 12.0
    """Most tokens per second of audio, plus `spare_tokens`: faster than anyone speaks. Without a
    limit, a language model caught in a loop never stops."""
    spare_tokens: Annotated[int, Field(gt=0)] = 8


class NanoRecognizer:
    """Fun-ASR-Nano, decoded greedily."""

    def __init__(
        self,
        folder: Path,
        device: Device,
        weights_sha256: str,
        config: NanoConfig | None = None,
        aligner: Recognizer | None = None,
    ) -> None:
        """`aligner` measures word times. Raises ModelFolderError or FrontendError for an unusable
        folder."""
        self._config = config or NanoConfig()
        self._aligner = aligner
        self.has_word_times = aligner is not None
        self.identity = self.identify(
            weights_sha256, device.precision, self._config, aligner.identity if aligner else None
        )
        loaded = load_model(folder, LAYOUT, device)
        self._device = device
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._features = Features(loaded.frontend, device)
        # Encoder and adaptor stay in fp32, as in funasr.
        self._model.llm.to(device.dtype)

    @staticmethod
    def identify(
        weights_sha256: str,
        precision: Precision,
        config: NanoConfig | None = None,
        aligner: ModelIdentity | None = None,
    ) -> ModelIdentity:
        """The recognizer's identity, without loading it."""
        return ModelIdentity(
            "nano",
            weights_sha256,
            {
                "precision": precision,
                **asdict(config or NanoConfig()),
                "word_times": asdict(aligner) if aligner else "spread evenly over the segment",
            },
            takes_hotwords=True,
        )

    def batch_key(self, clip: Clip) -> Hashable:
        del clip
        return ()

    def recognize(self, clips: Sequence[Clip]) -> list[Recognition]:
        """Raises ValueError for a language that Nano does not know."""
        for clip in clips:
            if clip.language is not None and clip.language not in LANGUAGES:
                raise ValueError(f"Nano knows no language {clip.language!r}; use zh, en or ja")
        with computing(self._device):
            prompts = self._embed(clips)
            ids, logprobs = self._generate(prompts, [self._most_tokens(clip) for clip in clips])
        texts = [_clean_text(self._tokenizer.decode(row, skip_special_tokens=True)) for row in ids]
        times = self._time(clips, texts)
        return [
            Recognition(
                language=clip.language or _guess_language(text),
                words=shift_words(words, 0.0, clip.end_s),
                confidence=math.exp(sum(scores) / len(scores)) if text and scores else 0.0,
            )
            for clip, text, words, scores in zip(clips, texts, times, logprobs, strict=True)
        ]

    def _most_tokens(self, clip: Clip) -> int:
        seconds = clip.end_s - clip.start_s
        return round(seconds * self._config.tokens_per_s) + self._config.spare_tokens

    def _embed(self, clips: Sequence[Clip]) -> list[torch.Tensor]:
        """Each clip's prompt as embeddings, with those of its audio, [positions, width]."""
        import torch

        speech, lengths = self._features.compute([clip.samples for clip in clips])
        with torch.autocast(self._device.kind, enabled=False):
            encoded, frames = self._model.encode(speech, lengths.to(speech.device))
            sound, _ = self._model.audio_adaptor(encoded, frames)
        embed = self._model.llm.get_input_embeddings()
        prompts: list[torch.Tensor] = []
        for row, (clip, length) in enumerate(zip(clips, lengths.tolist(), strict=True)):
            before, after = (
                embed(send(torch.tensor(ids), sound.device)) for ids in self._prompt(clip)
            )
            kept = sound[row, : self._sound_positions(length)].to(before.dtype)
            prompts.append(torch.cat([before, kept, after]))
        return prompts

    def _prompt(self, clip: Clip) -> tuple[list[int], list[int]]:
        """Token ids before and after the audio: the prompt of funasr."""
        language = LANGUAGES.get(clip.language or "")
        asked: str = self._model.get_prompt(list(clip.hotwords), language, itn=True)
        before = (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n" + asked
        )
        after = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
        return self._tokenizer.encode(before), self._tokenizer.encode(after)

    def _sound_positions(self, frames: int) -> int:
        """Positions that the audio of `frames` frames takes (`fake_token_len` in funasr)."""
        if not self._model.use_low_frame_rate:
            return frames
        for _ in range(2):
            frames = 1 + (frames - 1) // 2
        return (frames - 1) // 2 + 1

    def _generate(
        self, prompts: Sequence[torch.Tensor], most: Sequence[int]
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Greedy token ids of each prompt, at most `most`, and their log-probabilities."""
        import torch
        from transformers import LogitsProcessorList

        longest = max(len(prompt) for prompt in prompts)
        width = prompts[0].shape[-1]
        inputs = prompts[0].new_zeros(len(prompts), longest, width)
        mask = torch.zeros(len(prompts), longest, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            inputs[row, longest - len(prompt) :] = prompt
            mask[row, longest - len(prompt) :] = 1
        scores: list[torch.Tensor] = []
        llm: Any = self._model.llm
        ends = llm.config.eos_token_id
        ends = [ends] if isinstance(ends, int) else list(ends)
        pad = llm.config.pad_token_id
        generated = llm.generate(
            inputs_embeds=inputs,
            attention_mask=mask.to(inputs.device),
            max_new_tokens=max(most),
            do_sample=False,
            pad_token_id=ends[0] if pad is None else pad,
            logits_processor=LogitsProcessorList([_Recorder(scores)]),
        )
        ids = generated.cpu().tolist()
        logprobs = torch.stack(scores, dim=1).cpu().tolist()
        written: list[list[int]] = []
        for row, limit in zip(ids, most, strict=True):
            stop = next((i for i, token in enumerate(row) if token in ends), len(row))
            written.append(row[: min(stop, limit)])
        kept = [row[: len(tokens)] for row, tokens in zip(logprobs, written, strict=True)]
        return written, kept

    def _time(self, clips: Sequence[Clip], texts: Sequence[str]) -> list[list[Word]]:
        """Words of each text with times in their channel."""
        words = [split_characters(text) for text in texts]
        if self._aligner is None:
            return [
                spread_evenly(parts, clip.segment.start_s, clip.segment.end_s)
                for clip, parts in zip(clips, words, strict=True)
            ]
        # Only the times are used: the language does not matter, and hotwords would distort them.
        timed = self._aligner.recognize(
            [replace(clip, language=None, hotwords=()) for clip in clips]
        )
        return [
            align_words(parts, recognized.words, clip.segment)
            for clip, parts, recognized in zip(clips, words, timed, strict=True)
        ]


class _Recorder:
    """Records the likeliest token's log-probability at each step; changes nothing."""

    def __init__(self, kept: list[torch.Tensor]) -> None:
        self._kept = kept

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        del input_ids
        self._kept.append(scores.float().log_softmax(-1).amax(-1))
        return scores


def _clean_text(text: str) -> str:
    """Without the model's silence mark (/sil) and control characters, with single spaces."""
    spaced = " ".join(text.replace("/sil", " ").split())
    return "".join(character for character in spaced if character.isprintable())


def _guess_language(text: str) -> str:
    """By script: Japanese with kana, Chinese with Han characters, English with Latin alone."""
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return "ja"
    if any("\u4e00" <= character <= "\u9fff" for character in text):
        return "zh"
    return "en" if any(character.isascii() and character.isalpha() for character in text) else "zh"


class NanoWeights(HubWeights):
    layout: ClassVar[Layout] = LAYOUT
    model: HubId = "FunAudioLLM/Fun-ASR-Nano-2512"
    revision: str = "master"


class NanoPart(FunasrPart):
    """Fun-ASR-Nano with hotwords, and Paraformer as aligner, on the profile's device."""

    backend: Literal["nano"]
    weights: NanoWeights = NanoWeights()
    nano: NanoConfig = NanoConfig()
    word_times: ParaformerWeights | None = ParaformerWeights()
    """None: words share their segment evenly."""

    def models(self, profile: str) -> list[Model]:
        timing = [self.word_times.of(profile)] if self.word_times else []
        return [self.weights.of(profile), *timing]

    def identify(self, host: Host) -> ModelIdentity:
        nano = self.weights.require(host)
        timing = self.word_times and self.word_times.require(host)
        precision = host.device.precision
        aligner = SeacoRecognizer.identify(timing.sha256, precision, PARAFORMER) if timing else None
        recognizer = NanoRecognizer.identify(nano.sha256, precision, self.nano, aligner)
        return FunasrTranscriber.identify(recognizer, self.settings)

    def open(self, host: Host) -> FunasrTranscriber:
        nano = self.weights.require(host)
        timing = self.word_times and self.word_times.require(host)
        device = host.hold_device()
        aligner = (
            SeacoRecognizer(timing.folder, device, timing.sha256, PARAFORMER) if timing else None
        )
        recognizer = NanoRecognizer(nano.folder, device, nano.sha256, self.nano, aligner)
        return FunasrTranscriber(recognizer, self.settings, device)
