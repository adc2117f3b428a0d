"""Speech models small enough for unit tests: their answers are plain functions of the samples.

They stand in where a test is about the contract, not about speech; real models have tests too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ModelIdentity,
    SegmentEmotion,
    SegmentTranscript,
    Span,
    SpeechChannel,
    Waveform,
    Word,
)
from callqa_assets.domain.text.hotwords import HotwordLists


@dataclass
class FakeModels:
    """Has the shape of SpeechModels; `calls` counts what was asked of each model."""

    version: str = "1"
    calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("vad", "asr", "ser"), 0))
    before: Callable[[str, Sequence[object]], None] = lambda model, items: None
    """Called before each model call; may raise or kill."""

    emotion_windows: WindowConfig = field(default_factory=WindowConfig)
    emotion_labels: LabelConfig = field(default_factory=LabelConfig)
    emotion_spans: SpanConfig = field(default_factory=SpanConfig)

    @property
    def detector_identity(self) -> ModelIdentity:
        return ModelIdentity("toy-vad", "0" * 64, {})

    @property
    def transcriber_identity(self) -> ModelIdentity:
        return ModelIdentity("toy-asr", "0" * 64, {"version": self.version})

    @property
    def emotion_identity(self) -> ModelIdentity:
        return ModelIdentity("toy-ser", "0" * 64, {})

    def open(self) -> FakeModels:
        return self

    def read_hotwords(self) -> HotwordLists:
        return HotwordLists()

    def detector(self) -> FakeModels:
        return self

    transcriber = emotion_recognizer = detector

    def detect(self, waveforms: Sequence[Waveform]) -> list[list[Span]]:
        """Spans of 100 ms blocks that are not silent."""
        self._called("vad", waveforms)
        return [_loud_stretches(waveform) for waveform in waveforms]

    def transcribe(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentTranscript]]:
        self._called("asr", channels)
        return [
            [
                SegmentTranscript(
                    "zh",
                    f"响度{_level(channel, span):.3f}",
                    f"响度{_level(channel, span):.3f}",
                    [Word("响度", span.start_s, span.end_s)],
                    0.5,
                )
                for span in channel.segments
            ]
            for channel in channels
        ]

    def recognize(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentEmotion]]:
        """Loud is angry, soft is neutral."""
        self._called("ser", channels)
        return [[_feel(channel, span) for span in channel.segments] for channel in channels]

    def _called(self, model: str, items: Sequence[object]) -> None:
        self.before(model, items)
        self.calls[model] += len(items)


def _loud_stretches(waveform: Waveform) -> list[Span]:
    block = SAMPLE_RATE_HZ // 10
    loud = [
        bool(np.abs(waveform[i : i + block]).max() > 0.03)
        for i in range(0, len(waveform) - block + 1, block)
    ]
    spans, start = [], None
    for i, on in enumerate([*loud, False]):
        if on and start is None:
            start = i
        elif not on and start is not None:
            spans.append(Span(start / 10, i / 10))
            start = None
    return spans


def _level(channel: SpeechChannel, span: Span) -> float:
    part = channel.waveform[
        round(span.start_s * SAMPLE_RATE_HZ) : round(span.end_s * SAMPLE_RATE_HZ)
    ]
    return float(np.sqrt(np.mean(np.square(part, dtype=np.float64))))


def _feel(channel: SpeechChannel, span: Span) -> SegmentEmotion:
    anger = min(0.95, 4 * _level(channel, span))
    scores = np.zeros(9, np.float32)
    scores[EMOTIONS.index("angry")] = anger
    scores[EMOTIONS.index("neutral")] = 1 - np.float32(anger)
    starts = np.arange(span.start_s, max(span.start_s + 0.01, span.end_s - 1.0), 0.25)
    return SegmentEmotion(
        scores, starts, np.minimum(starts + 1.0, span.end_s), np.tile(scores, (len(starts), 1))
    )
