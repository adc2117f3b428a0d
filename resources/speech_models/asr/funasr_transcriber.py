"""Transcripts of segments with any of the funasr families: batches, hotword guard, punctuation.

A clip is decoded by its family's recognizer (`seaco`, `sensevoice`, `nano`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Protocol

from pydantic import Field

from callqa_assets.domain.speech import ModelIdentity, SegmentTranscript, SpeechChannel
from callqa_assets.domain.text.cleanup import simplify
from callqa_assets.domain.text.hotwords import GuardConfig
from resources.speech_models.asr.clips import (
    Clip,
    Recognition,
    Recognizer,
    cut_clips,
    make_batches,
)
from resources.speech_models.asr.hotword_guard import find_doubtful, holds_hotword
from resources.speech_models.parts import Section
from resources.speech_models.runtime.device import Device, MemoryGuard
from resources.speech_models.runtime.filter_banks import FRAME_SAMPLES


@dataclass(frozen=True)
class FunasrTranscriberConfig:
    batch_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of audio in one batch, padding included: bounds memory, changes no result."""
    margin_s: Annotated[float, Field(ge=0)] = 0.25
    """Audio kept around a segment, as detectors cut soft onsets."""
    longest_s: Annotated[float, Field(gt=0, le=30)] = 30.0
    """Longest clip, margins included: the families are not trained on longer ones."""
    guard: GuardConfig = field(default_factory=GuardConfig)


class Punctuator(Protocol):
    identity: ModelIdentity

    def punctuate(self, texts: Sequence[str]) -> list[str]:
        """The texts, in order, with punctuation inserted and nothing else changed."""
        ...


class FunasrTranscriber:
    """Transcriber with a recognizer, and a punctuator for families that write no punctuation."""

    identity: ModelIdentity

    def __init__(
        self,
        recognizer: Recognizer,
        config: FunasrTranscriberConfig,
        device: Device,
        punctuator: Punctuator | None = None,
    ) -> None:
        self._recognizer = recognizer
        self._config = config
        self._memory = MemoryGuard(device)
        self._punctuator = punctuator
        self.identity = self.identify(
            recognizer.identity, config, punctuator.identity if punctuator else None
        )

    @staticmethod
    def identify(
        recognizer: ModelIdentity,
        config: FunasrTranscriberConfig,
        punctuator: ModelIdentity | None = None,
    ) -> ModelIdentity:
        """The transcriber's identity, without loading it. Batches are not part of it."""
        params = {name: value for name, value in asdict(config).items() if name != "batch_s"}
        return ModelIdentity(
            recognizer.model_id,
            recognizer.weights_sha256,
            {
                **params,
                **recognizer.params,
                "punctuation": asdict(punctuator) if punctuator else None,
            },
            recognizer.takes_hotwords,
        )

    def transcribe(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentTranscript]]:
        """One transcript per segment, in the order given; '' where no speech is recognised.

        Raises ValueError for a language that the family does not know, and for segments that
        overlap, leave their channel or are longer than `longest_s`; DeviceError where a single
        segment does not fit into the device's memory.
        """
        clips = cut_clips(channels, self._config.margin_s, self._config.longest_s)
        recognized = self._recognize(clips)
        without = self._recognize_without_hotwords(clips, recognized)
        texts = self._punctuate(recognized)
        written = iter(
            self._write(clip, recognized[index], texts[index], without.get(index))
            for index, clip in enumerate(clips)
        )
        return [[next(written) for _ in channel.segments] for channel in channels]

    def _recognize(self, clips: Sequence[Clip]) -> list[Recognition]:
        """One result per clip, in order; clips below 25 ms have no words."""
        recognized = [Recognition(clip.language or "zh", (), 0.0) for clip in clips]
        audible = [i for i, clip in enumerate(clips) if clip.length >= FRAME_SAMPLES]
        for batch in make_batches(
            [clips[i] for i in audible], self._recognizer, self._config.batch_s
        ):
            indices = [audible[i] for i in batch]
            results = self._memory.compute([clips[i] for i in indices], self._recognizer.recognize)
            for index, result in zip(indices, results, strict=True):
                recognized[index] = result
        return recognized

    def _recognize_without_hotwords(
        self, clips: Sequence[Clip], recognized: Sequence[Recognition]
    ) -> dict[int, Recognition]:
        """A second result without hotwords, by index, for clips with a hotword in their text."""
        if not self._recognizer.identity.takes_hotwords:
            return {}
        suspicious = [
            index
            for index, (clip, result) in enumerate(zip(clips, recognized, strict=True))
            if holds_hotword(clip, result)
        ]
        again = self._recognize([replace(clips[index], hotwords=()) for index in suspicious])
        return dict(zip(suspicious, again, strict=True))

    def _punctuate(self, recognized: Sequence[Recognition]) -> list[str]:
        texts = [result.text for result in recognized]
        return self._punctuator.punctuate(texts) if self._punctuator else texts

    def _write(
        self, clip: Clip, recognized: Recognition, text: str, without: Recognition | None
    ) -> SegmentTranscript:
        doubtful = (
            find_doubtful(
                clip,
                recognized,
                without,
                self._config.guard,
                has_word_times=self._recognizer.has_word_times,
            )
            if without
            else []
        )
        chinese = recognized.language in ("zh", "yue")
        return SegmentTranscript(
            language=recognized.language,
            text_raw=recognized.text,
            text=simplify(text) if chinese else text,
            words=[replace(word, word=word.word.strip()) for word in recognized.words],
            confidence=recognized.confidence,
            doubtful_hotwords=doubtful,
            text_without_hotwords=without.text if without and doubtful else None,
        )


class FunasrPart(Section):
    """Common base of the transcriber parts of the funasr families."""

    settings: FunasrTranscriberConfig = FunasrTranscriberConfig()

    @property
    def longest_s(self) -> float:
        """Longest segment that it decodes, in seconds."""
        return self.settings.longest_s
