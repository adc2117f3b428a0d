"""Decoded sound as a stream of blocks, checked against the limits while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ

Samples = NDArray[np.float32]

_BLOCK_S = 1.0
"""Decoders yield packets of some milliseconds; whoever reads gets about this much at once."""


@dataclass(frozen=True)
class AudioLimits:
    """What a recording must be like; anything else is refused with a reason."""

    min_rate_hz: int = 8_000
    max_rate_hz: int = 48_000
    max_channels: int = 8
    min_duration_s: float = 0.025
    """One analysis window: FSMN-VAD divides by zero on less."""
    max_decoded_bytes: int = 2 << 30
    """Of what the stages make of it, 16 kHz float32: 9 h of mono, 4.6 h of stereo. A few bytes of
    FLAC can decode to far more."""
    duration_tolerance_s: float = 0.2
    """Encoder delay and last frames: lossy files this much short of their header are complete."""

    def max_seconds(self, channels: int) -> float:
        """How long a recording of so many channels may be."""
        return self.max_decoded_bytes / (channels * SAMPLE_RATE_HZ * 4)


LIMITS = AudioLimits()


@dataclass(frozen=True)
class Encoding:
    """What sound without a header is; it has one channel."""

    codec: str
    """A key of `headerless.CODECS`."""
    rate_hz: int


class UnreadableAudio(Exception):  # noqa: N818 - the file is unreadable, nothing failed
    """A file that no stage can use; `reason` states the cause and, where there is one, the cure."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoSoundError(Exception):
    """The decoder found no audio in the file."""


@dataclass
class Track:
    """What a decoder makes of a file: its format and its sound, not yet checked."""

    sample_rate_hz: int
    channels: int
    blocks: Iterator[Samples]
    """Each of shape [channels, n]; a damaged file ends early, with a note."""
    notes: list[str]
    """Grows until `blocks` is exhausted."""
    sample_bytes: float = 0.0
    """Of one sample as stored; 0 where it is not known."""
    is_float_pcm: bool = False
    """Values beyond 1 are the exporter's fault; lossy decoders always overshoot a little."""

    def begun(self) -> Self:
        """The track with its first block decoded. Raises NoSoundError where there is none."""
        first = next(self.blocks, None)
        if first is None:
            raise NoSoundError("no sound in it")
        self.blocks = chain([first], self.blocks)
        return self


@dataclass
class AudioStream(AbstractContextManager["AudioStream"]):
    """One recording's sound, read once from front to back; a context manager that closes it.

    Iterating gives blocks of shape [channels, n], float32 in [-1, 1], C-contiguous, of about one
    second. Only what was read so far has been checked: UnreadableAudio may be raised by any block,
    and OSError where the file cannot be read.
    """

    sample_rate_hz: int
    channels: int
    _track: Track
    _limits: AudioLimits
    encoding: Encoding | None = None
    """What it was read as, where it has no header."""
    _resources: ExitStack = field(default_factory=ExitStack)
    _length: int = 0
    _peak: float = 0.0

    @classmethod
    def of(
        cls,
        track: Track,
        limits: AudioLimits,
        resources: ExitStack,
        encoding: Encoding | None = None,
    ) -> Self:
        """The track as a stream, which takes over what `resources` holds open.

        Raises UnreadableAudio where rate or channels are outside the limits.
        """
        if not 1 <= track.channels <= limits.max_channels:
            raise UnreadableAudio(
                f"{track.channels} channels: at most {limits.max_channels} are read; "
                "export one track per speaker"
            )
        if not limits.min_rate_hz <= track.sample_rate_hz <= limits.max_rate_hz:
            raise UnreadableAudio(
                f"sample rate {track.sample_rate_hz} Hz is outside {limits.min_rate_hz} to "
                f"{limits.max_rate_hz} Hz: export the call at 8, 16 or 48 kHz"
            )
        return cls(
            track.sample_rate_hz, track.channels, track, limits, encoding, resources.pop_all()
        )

    @property
    def duration_s(self) -> float:
        """Of what was read so far."""
        return self._length / self.sample_rate_hz

    @property
    def notes(self) -> tuple[str, ...]:
        """Defects of a file that is usable nevertheless, for people to read; complete once every
        block was read."""
        if self._track.is_float_pcm and self._peak > 1:
            clipped = f"clipped: float samples reach {self._peak:.2f}, beyond 1"
            return (*self._track.notes, clipped)
        return tuple(self._track.notes)

    def __iter__(self) -> Iterator[Samples]:
        pending: list[Samples] = []
        held = 0
        for block in self._track.blocks:
            self._check(block)
            pending.append(block)
            held += block.shape[1]
            if held >= _BLOCK_S * self.sample_rate_hz:
                yield _join(pending)
                pending, held = [], 0
        if pending:
            yield _join(pending)
        if self.duration_s < self._limits.min_duration_s:
            raise UnreadableAudio(
                f"too short: {self.duration_s * 1000:.1f} ms of sound, at least "
                f"{self._limits.min_duration_s * 1000:.0f} ms are needed"
                + "".join(f"; {note}" for note in self.notes)
            )

    def read_all(self) -> DecodedAudio:
        """The rest in one array, for recordings that are known to be short."""
        samples = _join(list(self))
        return DecodedAudio(samples, self.sample_rate_hz, self.notes)

    def _check(self, block: Samples) -> None:
        if not np.isfinite(block).all():
            raise UnreadableAudio(
                f"NaN or infinite samples near {self.duration_s:.1f} s: export the call as "
                "integer PCM"
            )
        self._length += block.shape[1]
        longest_s = self._limits.max_seconds(self.channels)
        if self.duration_s > longest_s:
            raise UnreadableAudio(
                f"longer than {longest_s:.0f} s, the most that is read with {self.channels} "
                f"channel{'s' if self.channels > 1 else ''}: split the recording into calls"
            )
        if block.size:
            self._peak = max(self._peak, float(block.max()), -float(block.min()))

    def __exit__(self, *_: object) -> None:
        self._resources.close()


@dataclass(frozen=True)
class DecodedAudio:
    samples: Samples
    """Shape [channels, n], float32 in [-1, 1], C-contiguous."""
    sample_rate_hz: int
    notes: tuple[str, ...] = ()
    """Defects of a file that is usable nevertheless, for people to read."""

    @property
    def duration_s(self) -> float:
        return self.samples.shape[1] / self.sample_rate_hz


def _join(blocks: list[Samples]) -> Samples:
    length = sum(block.shape[1] for block in blocks)
    joined = np.empty((len(blocks[0]), length), np.float32)
    np.concatenate(blocks, axis=1, out=joined)
    return np.clip(joined, -1, 1, out=joined)
