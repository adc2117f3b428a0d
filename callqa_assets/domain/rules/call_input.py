"""The input of rule evaluation: a call's facts, emotion tracks, speech segments and transcripts.

It is loaded by `warehouse` and the emotion lake, and evaluated in `engine.evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.text.spoken_text import SpokenSegment

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CallContext:
    """What rules may ask about a call besides its annotations."""

    recording_id: str
    duration_s: float
    roles: tuple[str, ...]
    """One per channel: agent, customer, mixed or channel_N; channels without speech included."""
    facts: CallFacts = field(default_factory=CallFacts)
    hour: int | None = None
    """Local hour in which the call started, 0..23."""


@dataclass(frozen=True)
class ChannelTrack:
    """Emotion windows of one channel, n of them in any order; a channel may come in parts.

    Windows start again with each speech segment, and segments do not overlap. A row with a NaN is
    a missing window: its time is known, its posteriors are not.

    Raises ValueError where the arrays differ in length or a window ends before it starts.
    """

    channel: int
    segment_no: NDArray[np.integer[Any]]
    """Shape [n]."""
    start_s: Floats
    """Shape [n], seconds from the start of the recording."""
    end_s: Floats
    """Shape [n], above `start_s`."""
    posteriors: NDArray[np.floating[Any]]
    """Shape [n, 9], in `EMOTIONS` order."""
    hop_s: float = 0.25
    """Distance between the windows of a segment, as the track was computed."""

    def __post_init__(self) -> None:
        n = len(self.segment_no)
        if self.start_s.shape != (n,) or self.end_s.shape != (n,):
            raise ValueError(f"channel {self.channel}: segment_no, start_s, end_s differ in length")
        if self.posteriors.shape != (n, len(EMOTIONS)):
            raise ValueError(
                f"channel {self.channel}: posteriors have shape {self.posteriors.shape}, "
                f"not {(n, len(EMOTIONS))}"
            )
        if not np.all(self.end_s > self.start_s):
            raise ValueError(f"channel {self.channel}: a window ends before it starts")


class Sound(NamedTuple):
    """A stretch of music or of a tone; seconds from the recording's start."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class CallAnnotations:
    """What the models made of one call. Segments of a channel are disjoint, in any order."""

    tracks: Sequence[ChannelTrack] = ()
    segments: Sequence[SpokenSegment] = ()
    sounds: Sequence[Sound] = ()
    """On any channel, in any order."""
