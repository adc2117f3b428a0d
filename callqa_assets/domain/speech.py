"""Audio, segments and the models' results for them: the values that pass between stages and models.

Plain data, computed by `resources.speech_models` and stored by `warehouse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000

Waveform = NDArray[np.float32]
"""Shape [samples], float32, 16 kHz, mono."""


class ChannelSound(Protocol):
    """One channel of a call, of any length: a Waveform, or one that is kept on disk.

    It is read in slices with bounds from 0 on, each a Waveform in memory. What must work for a call
    of hours never asks for all of it at once.
    """

    def __len__(self) -> int:
        """Samples at 16 kHz."""
        ...

    def __getitem__(self, part: slice, /) -> Waveform: ...


@dataclass(frozen=True)
class ModelIdentity:
    """All that decides a model's results: part of the stage's fingerprint."""

    model_id: str
    weights_sha256: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON-serialisable settings: thresholds in their units, precision, beam size."""
    takes_hotwords: bool = False
    """Whether a queue's hotwords change its results; then they are part of its input."""


@dataclass(frozen=True)
class Span:
    """An interval of one channel, in seconds from its start; `end_s > start_s`."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class SpeechChannel:
    """One channel of one recording with its speech segments, ascending and disjoint."""

    waveform: ChannelSound
    segments: Sequence[Span]
    language: str | None = None
    """ISO 639-1 code where the queue's configuration names it; None to detect."""
    hotwords: Sequence[str] = ()
    """Words that are likely in the queue's calls; models without hotwords ignore them."""
    call: str | None = None
    """Channels with the same one belong to one call, whose language they are likely to share."""


@dataclass(frozen=True)
class Word:
    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Doubt:
    """A stretch whose text is doubtful, or was left out; times in seconds from the channel's
    start."""

    kind: str
    """`doubtful_language`, `second_language` or `invented_text`."""
    start_s: float
    end_s: float
    detail: str
    """In words, without anything that was said."""


@dataclass(frozen=True)
class SegmentTranscript:
    """Text of one segment. `text` is simplified and normalised, `text_raw` as decoded."""

    language: str
    text_raw: str
    text: str
    words: Sequence[Word]
    """Times in seconds from the start of the channel."""
    confidence: float
    """exp(mean token log-probability), 0..1; 0 where nothing was decoded."""
    doubtful_hotwords: Sequence[str] = ()
    """Hotwords in the text that the audio does not support."""
    text_without_hotwords: str | None = None
    """As decoded without hotwords, where the text holds a doubtful one."""
    doubts: Sequence[Doubt] = ()


@dataclass(frozen=True)
class SegmentEmotion:
    """Posteriors of one segment and of the windows inside it, in `EMOTIONS` order."""

    scores: NDArray[np.float32]
    """Shape [9], sums to 1: the whole segment (utterance granularity)."""
    window_start_s: NDArray[np.float64]
    """Shape [n], seconds from the start of the channel."""
    window_end_s: NDArray[np.float64]
    windows: NDArray[np.float32]
    """Shape [n, 9], rows sum to 1."""
    embedding: NDArray[np.float32] | None = None
    """Shape [features], mean over the segment's frames; None where it is not stored."""
