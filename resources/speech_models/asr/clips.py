"""Clips and recognitions: the input and output of the funasr families' recognizers.

A clip is a segment with its margin. Clips are cut and put into batches here; batches are decoded
in the module of each family.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from callqa_assets.domain.audio.packing import add_margins
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ChannelSound,
    ModelIdentity,
    Span,
    SpeechChannel,
    Waveform,
    Word,
)


@dataclass(frozen=True)
class Clip:
    """One segment with its margin: samples `start` to `stop` of its channel."""

    channel: ChannelSound
    start: int
    stop: int
    segment: Span
    """The segment without its margin, in the channel's time."""
    language: str | None
    """ISO 639-1 code; None: the recognizer detects it."""
    hotwords: tuple[str, ...]

    @property
    def samples(self) -> Waveform:
        """Cut out of the channel each time: only those of the batch at hand are in memory."""
        return self.channel[self.start : self.stop]

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def start_s(self) -> float:
        """Start of the samples, in the channel's time."""
        return self.start / SAMPLE_RATE_HZ

    @property
    def end_s(self) -> float:
        """End of the samples, in the channel's time."""
        return self.stop / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Recognition:
    """A recognizer's result for one clip."""

    language: str
    words: Sequence[Word]
    """In the channel's time, each with the space before it: joined, they are the text."""
    confidence: float
    """exp(mean token log-probability), 0..1; 0 where nothing was decoded."""

    @property
    def text(self) -> str:
        return "".join(word.word for word in self.words).strip()


class Recognizer(Protocol):
    """One ASR family. A clip's result does not depend on the rest of its batch."""

    identity: ModelIdentity
    has_word_times: bool
    """Whether it measures word times; otherwise words share their segment evenly."""

    def batch_key(self, clip: Clip) -> Hashable:
        """Only clips with equal keys may share a batch."""
        ...

    def recognize(self, clips: Sequence[Clip]) -> list[Recognition]:
        """One result per clip, in order. Every clip has at least 25 ms.

        Raises ValueError for a language that the family does not know.
        """
        ...


def cut_clips(channels: Sequence[SpeechChannel], margin_s: float, longest_s: float) -> list[Clip]:
    """One clip per segment, channel by channel, with up to `margin_s` of audio on both sides.

    Raises ValueError where segments overlap, leave their channel or exceed `longest_s`.
    """
    return [
        Clip(
            channel.waveform,
            start,
            stop,
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
    """Indices of the clips of each batch: sorted by length, the longest first.

    A batch holds at most `batch_s` of audio, padding included, or a single clip.
    """
    by_key: dict[Hashable, list[int]] = defaultdict(list)
    for index in sorted(range(len(clips)), key=lambda index: -clips[index].length):
        by_key[recognizer.batch_key(clips[index])].append(index)
    batches: list[list[int]] = []
    for group in by_key.values():
        while group:
            rows = max(1, int(batch_s * SAMPLE_RATE_HZ / clips[group[0]].length))
            batches.append(group[:rows])
            del group[:rows]
    return batches
