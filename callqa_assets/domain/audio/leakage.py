"""The same sound on two channels: mono saved as stereo, and crosstalk between the lines.

Blocks of both channels are correlated over delays of up to 150 ms. Polarity and gain do not matter,
and little does the noise of a telephone codec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ChannelSound, Span

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BLOCK = 8192
"""0.51 s: two voices of like pitch do not correlate for so long."""
_HOP = 4096
_HOP_S = _HOP / SAMPLE_RATE_HZ
_BATCH_BLOCKS = 128
_TRANSFORM = 2 * _BLOCK
# Of unit power; without it, a hum would reach into the telephone band.
_WINDOW = (np.hanning(_BLOCK + 1)[:-1] * np.sqrt(8 / 3)).astype(np.float32)
_DECIMATION = 2
"""The telephone band is correlated at 8 kHz, for half the cost."""


@dataclass(frozen=True)
class LeakageConfig:
    max_delay_s: float = 0.15
    """Longest delay between the channels, in either direction: an echo's way over two networks."""
    correlation: float = 0.5
    """Above it, a block of the weaker channel is a copy of the other's: voices of two people
    reach less, a leak 30 dB down through a G.711 line more."""
    own_voice_db: float = 6.0
    """By which own speech exceeds what leaks over."""
    equal_db: float = 3.0
    """Difference in level up to which two copies are equal."""
    established_s: float = 1.0
    """Copies, in seconds, from which a channel's attenuation is known."""
    active_dbfs: float = -65.0
    """Level below which a block of the channel holds no sound to judge."""
    dual_correlation: float = 0.9
    dual_share: float = 0.98
    """Share of the power in blocks correlated as above from which two channels are one."""
    dual_gain_db: float = 10.0
    """Greatest difference in level between two copies; a weaker one is crosstalk."""


@dataclass(frozen=True)
class ChannelPair:
    """Two channels in blocks of 0.51 s, one every 0.26 s; arrays of shape [blocks]."""

    first_dbfs: Floats
    """Level in the telephone band."""
    second_dbfs: Floats
    correlation: Floats
    """Highest magnitude of the normalised cross-correlation, 0..1."""


def compare_channels(
    first: ChannelSound, second: ChannelSound, config: LeakageConfig | None = None
) -> ChannelPair:
    """Compare two channels of one length; they are read in pieces of half a minute."""
    config = config or LeakageConfig()
    batches = list(
        _compare(first, second, round(config.max_delay_s * SAMPLE_RATE_HZ / _DECIMATION))
    )
    if not batches:
        return ChannelPair(np.zeros(0), np.zeros(0), np.zeros(0))
    return ChannelPair(*(np.concatenate(column) for column in zip(*batches, strict=True)))


def _compare(
    first: ChannelSound, second: ChannelSound, delay: int
) -> Iterator[tuple[Floats, Floats, Floats]]:
    blocks = max(0, (min(len(first), len(second)) - _BLOCK) // _HOP + 1)
    transform = _TRANSFORM // _DECIMATION
    hz = np.arange(transform // 2 + 1) * (SAMPLE_RATE_HZ / _TRANSFORM)
    # Hum and DC offset are common to both channels of many recorders.
    band = (hz >= 300) & (hz <= 3400)
    for start in range(0, blocks, _BATCH_BLOCKS):
        end = min(blocks, start + _BATCH_BLOCKS)
        ours, theirs = (
            np.fft.rfft(_blocks(waveform, start, end), _TRANSFORM)[:, : len(hz)] * band
            for waveform in (first, second)
        )
        our_energy, their_energy = (
            np.square(np.abs(spectrum)).sum(axis=1) * 2 / _TRANSFORM for spectrum in (ours, theirs)
        )
        cross = np.abs(np.fft.irfft(ours * np.conj(theirs), axis=1)) / _DECIMATION
        peak = np.maximum(
            cross[:, : delay + 1].max(axis=1), cross[:, transform - delay :].max(axis=1)
        )
        correlation = peak / np.maximum(np.sqrt(our_energy * their_energy), 1e-12)
        yield _dbfs(our_energy), _dbfs(their_energy), correlation


def _blocks(waveform: ChannelSound, start: int, end: int) -> NDArray[np.float32]:
    samples = waveform[start * _HOP : (end - 1) * _HOP + _BLOCK]
    return np.lib.stride_tricks.sliding_window_view(samples, _BLOCK)[::_HOP] * _WINDOW


def _dbfs(energy: Floats) -> Floats:
    return 10 * np.log10(energy / _BLOCK + 1e-10)


def is_dual_mono(pair: ChannelPair, config: LeakageConfig | None = None) -> bool:
    """Whether both channels hold one signal throughout, at about one level."""
    config = config or LeakageConfig()
    louder = np.maximum(pair.first_dbfs, pair.second_dbfs)
    active = louder > config.active_dbfs
    if np.count_nonzero(active) * _HOP_S < config.established_s:
        return False
    power = 10 ** (louder[active] / 10)
    difference = np.abs(pair.first_dbfs - pair.second_dbfs)[active]
    same = (pair.correlation[active] >= config.dual_correlation) & (
        difference <= config.dual_gain_db
    )
    return bool(power[same].sum() >= config.dual_share * power.sum())


def find_crosstalk(pair: ChannelPair, channel: int, config: LeakageConfig | None = None) -> Flags:
    """Blocks of channel 0 or 1 of the pair that hold only what leaks over from the other one.

    A copy is crosstalk in the weaker channel, of equal ones in the second. Once the attenuation is
    known, so is what is no louder than the leak must be: pauses, onsets, distorted syllables.
    """
    config = config or LeakageConfig()
    own, other = pair.first_dbfs, pair.second_dbfs
    if channel:
        own, other = other, own
    difference = own - other
    weaker = difference < (config.equal_db if channel else -config.equal_db)
    copies = weaker & (pair.correlation >= config.correlation) & (own > config.active_dbfs)
    leaks = copies & (difference < -config.own_voice_db)
    if np.count_nonzero(leaks) * _HOP_S >= config.established_s:
        attenuation_db = float(np.median(difference[leaks]))
        # What leaks over comes later: it lasts on while the other channel is silent again.
        edged = np.pad(other, 1, mode="edge")
        loudest = np.maximum(np.maximum(edged[:-2], edged[2:]), other)
        return copies | (own <= loudest + attenuation_db + config.own_voice_db)
    return copies if np.count_nonzero(copies) * _HOP_S >= config.established_s else copies & False


def flagged_spans(flags: Flags, span: Span) -> Sequence[tuple[bool, Span]]:
    """`span` cut where the flag of the nearest block changes; the flag with each part."""
    if not len(flags):
        return [(False, span)]
    half_s = _BLOCK / SAMPLE_RATE_HZ / 2
    last = len(flags) - 1
    first = min(max(round((span.start_s - half_s) / _HOP_S), 0), last)
    final = min(max(round((span.end_s - half_s) / _HOP_S), first), last)
    parts: list[tuple[bool, Span]] = []
    start_s = span.start_s
    for block in range(first, final):
        if flags[block] == flags[block + 1]:
            continue
        cut_s = half_s + (block + 0.5) * _HOP_S
        if start_s < cut_s < span.end_s:
            parts.append((bool(flags[block]), Span(start_s, cut_s)))
            start_s = cut_s
    return [*parts, (bool(flags[final]), Span(start_s, span.end_s))]
