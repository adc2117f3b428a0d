"""The interfaces of speech models, as stages use them; backends implement them.

All audio is mono float32 at 16 kHz, in [-1, 1]; a call of hours is read in parts. Every method
takes a list and batches inside. The result for one item never depends on the other items of the
list, so that a run resumed after a crash writes the same rows as an undisturbed one. Items computed
alone (as by emotion2vec on a CPU, without `batch_s`) are equal bit by bit; items that share a batch
(as on an accelerator, texts in ct-punc, short channels in FSMN-VAD, whose posteriors move by up to
3.3e-7) differ by floating-point rounding, which may tip a close decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from callqa_assets.domain.speech import (
    ChannelSound,
    ModelIdentity,
    SegmentEmotion,
    SegmentTranscript,
    Span,
    SpeechChannel,
)


class SpeechDetector(Protocol):
    identity: ModelIdentity

    def detect(self, waveforms: Sequence[ChannelSound]) -> list[list[Span]]:
        """Speech segments of each channel, ascending, disjoint, none longer than 30 s."""
        ...


class Transcriber(Protocol):
    identity: ModelIdentity

    def transcribe(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentTranscript]]:
        """One transcript per segment, in the order given."""
        ...


class EmotionRecognizer(Protocol):
    identity: ModelIdentity

    def recognize(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentEmotion]]:
        """One result per segment, in the order given."""
        ...
