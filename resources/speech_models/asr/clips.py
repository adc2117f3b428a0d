"""What the ASR families pass among themselves: clips to be heard, and what was heard in them.

A clip is a segment with its margin. Which clips are heard at once is decided here; how, in each
family's own module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from callqa_assets.domain.audio.packing import add_margins
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ModelIdentity,
    Span,
    SpeechChannel,
    Waveform,
    Word,
)


@dataclass(frozen=True)
class Clip:
    """One segment with its margin, of one channel."""

    samples: Waveform
    start_s: float
    """Where the samples begin in their channel."""
    segment: Span
    """The segment without its margin, in the channel's time."""
    language: str | None
    hotwords: tuple[str, ...]

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Recognition:
    """What a recognizer made of a clip."""

    language: str
    words: Sequence[Word]
    """In the channel's time, each with the space before it: joined, they are the text."""
    confidence: float
    """exp(mean token log-probability), 0..1; 0 where nothing was decoded."""

    @property
    def text(self) -> str:
        return "".join(word.word for word in self.words).strip()


class Recognizer(Protocol):
    """One ASR family. What it hears in a clip does not depend on the rest of the batch."""

    identity: ModelIdentity
    has_word_times: bool

    def together(self, clip: Clip) -> Hashable:
        """Only clips for which this is equal may share a batch."""
        ...

    def hear(self, clips: Sequence[Clip]) -> list[Recognition]:
        """One result a clip, in order. Every clip has 25 ms or more."""
        ...


def cut_clips(channels: Sequence[SpeechChannel], margin_s: float, longest_s: float) -> list[Clip]:
    """The segments of all channels, in order, each with up to `margin_s` on both sides.

    Raises ValueError where segments overlap, leave their channel or exceed `longest_s`.
    """
    return [
        Clip(
            channel.waveform[start:stop],
            start / SAMPLE_RATE_HZ,
            segment,
            channel.language,
            tuple(channel.hotwords),
        )
        for channel in channels
        for segment, (start, stop) in zip(
            channel.segments,
            add_margins(
                channel.segments, len(channel.waveform), margin_s=margin_s, longest_s=longest_s
            ),
            strict=True,
        )
    ]


def make_batches(clips: Sequence[Clip], recognizer: Recognizer, batch_s: float) -> list[list[int]]:
    """Indices of clips that are heard at once: of like length, the longest first.

    A batch holds `batch_s` of audio, padding included, or a single clip.
    """
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for index in sorted(range(len(clips)), key=lambda index: -len(clips[index].samples)):
        alike[recognizer.together(clips[index])].append(index)
    batches: list[list[int]] = []
    for group in alike.values():
        while group:
            rows = max(1, int(batch_s * SAMPLE_RATE_HZ / len(clips[group[0]].samples)))
            batches.append(group[:rows])
            del group[:rows]
    return batches
