"""What a stage may ask of a speech model. Backends implement these; nothing here computes.

All audio is mono float32 at 16 kHz, in [-1, 1]. Every method takes a list and batches inside;
the result for one item never depends on the other items of the list, so that a run resumed
after a crash writes the rows that an undisturbed run writes. What is computed alone
(by the funasr transcribers and emotion2vec on a CPU, with `batch_s` left out) is the same bit by
bit; what shares a batch (all on an accelerator, texts in ct-punc, short channels in FSMN-VAD, whose
posteriors move by up to 3.3e-7) differs by the rounding of floats, which may tip a close decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from callqa_assets.domain.speech import (
    ModelIdentity,
    SegmentEmotion,
    SegmentTranscript,
    Span,
    SpeechChannel,
    Waveform,
)


class SpeechDetector(Protocol):
    identity: ModelIdentity

    def detect(self, waveforms: Sequence[Waveform]) -> list[list[Span]]:
        """Speech segments of each channel, ascending, disjoint, none longer than 30 s."""
        ...


class Transcriber(Protocol):
    identity: ModelIdentity

    def transcribe(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentTranscript]]:
        """One transcript a segment, in the order given."""
        ...


class EmotionRecognizer(Protocol):
    identity: ModelIdentity

    def recognize(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentEmotion]]:
        """One result a segment, in the order given."""
        ...
