"""What kind of sound each segment of a channel is: speech, music, tone or crosstalk.

The detector marks music and tones as speech, too, and speech that leaks over from the other line;
here its segments are cut where the kind changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.audio.leakage import flagged_spans
from callqa_assets.domain.audio.music_and_tones import NonSpeech, subtract
from callqa_assets.domain.audio.segments import level_dbfs
from callqa_assets.domain.speech import ChannelSound, Span

SegmentKind = Literal["speech", "music", "tone", "crosstalk"]


@dataclass(frozen=True)
class CutConfig:
    shortest_s: float = 0.2
    """What a cut leaves of speech is dropped below it; no syllable is shorter."""
    max_s: float = 30.0
    """Longest segment; longer music is divided evenly."""
    hangover_s: float = 0.8
    """What detectors add behind a sound: a shorter rest without a syllable is dropped."""
    block_s: float = 0.05
    spare_s: float = 0.6
    """By how much music may reach into speech that precedes or follows it: its ends are found over
    a window of seconds. That much of the music stays with the speech."""
    spare_beside_s: float = 1.0
    """Speech from which on it is spared."""
    silence_dbfs: float = -60.0
    rest_below_sound_db: float = 20.0
    """A rest without a syllable is so much softer than the sound that it was cut from …"""
    rest_range_db: float = 10.0
    """… and its blocks of 50 ms differ by less."""


@dataclass(frozen=True)
class KindSegment:
    kind: SegmentKind
    span: Span


def sort_sounds(
    waveform: ChannelSound,
    speech: Iterable[Span],
    sounds: Sequence[NonSpeech],
    crosstalk: NDArray[np.bool_],
    config: CutConfig | None = None,
) -> list[KindSegment]:
    """A channel's segments with their kinds, ascending and disjoint.

    `speech`: what the detector found; `sounds`: its music and tones; `crosstalk`: flags of the
    blocks of `leakage`, empty where there is no other channel.
    """
    config = config or CutConfig()
    found: list[KindSegment] = []
    for span in speech:
        parts = subtract(span, [_spare(span, sound, config) for sound in sounds])
        for part in parts:
            if part == span or not _is_rest(waveform, part, sounds, config):
                found += _mark_crosstalk(part, crosstalk, config)
    spoken = sorted((segment.span for segment in found), key=lambda span: span.start_s)
    for sound in sounds:
        found += (
            KindSegment(sound.kind, part)
            for rest in subtract(sound.span, spoken)
            for part in _divide(rest, config.max_s)
        )
    return sorted(found, key=lambda segment: segment.span.start_s)


def _spare(span: Span, sound: NonSpeech, config: CutConfig) -> Span:
    """What is cut out of detected speech for a sound."""
    start_s, end_s = sound.span.start_s, sound.span.end_s
    if sound.kind == "music":
        if start_s - span.start_s >= config.spare_beside_s:
            start_s += config.spare_s
        if span.end_s - end_s >= config.spare_beside_s:
            end_s -= config.spare_s
    return Span(start_s, end_s) if start_s < end_s else Span(sound.span.end_s, sound.span.end_s)


def _mark_crosstalk(span: Span, flags: NDArray[np.bool_], config: CutConfig) -> list[KindSegment]:
    parts = flagged_spans(flags, span)
    marked: list[KindSegment] = []
    for flag, part in parts:
        # A block of own speech lasts longer than what is left between two cuts here.
        leaked = flag or (len(parts) > 1 and part.end_s - part.start_s < config.shortest_s)
        kind: SegmentKind = "crosstalk" if leaked else "speech"
        if marked and marked[-1].kind == kind:
            part = Span(marked.pop().span.start_s, part.end_s)  # noqa: PLW2901 - joined
        marked.append(KindSegment(kind, part))
    return marked


def _is_rest(
    waveform: ChannelSound, part: Span, sounds: Sequence[NonSpeech], config: CutConfig
) -> bool:
    """Whether what a cut left of a segment holds no syllable."""
    duration_s = part.end_s - part.start_s
    if duration_s < config.shortest_s:
        return True
    blocks = math.floor(duration_s / config.block_s)
    levels = [
        level_dbfs(
            waveform,
            Span(part.start_s + i * config.block_s, part.start_s + (i + 1) * config.block_s),
        )
        for i in range(blocks)
    ]
    if max(levels) < config.silence_dbfs:
        return True
    beside = [
        level_dbfs(waveform, sound.span)
        for sound in sounds
        if sound.span.end_s == part.start_s or sound.span.start_s == part.end_s
    ]
    steady = max(levels) - min(levels) < config.rest_range_db
    softer = max(levels) < max(beside, default=0.0) - config.rest_below_sound_db
    return duration_s < config.hangover_s and steady and softer


def _divide(span: Span, longest_s: float) -> list[Span]:
    parts = math.ceil((span.end_s - span.start_s) / longest_s)
    edges = [span.start_s + (span.end_s - span.start_s) * number / parts for number in range(parts)]
    return [Span(start, end) for start, end in zip(edges, [*edges[1:], span.end_s], strict=True)]
