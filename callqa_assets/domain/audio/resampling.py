"""Resampling, above all to the models' 16 kHz: block by block, so that no call is held whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ


def resample_blocks(
    blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, target_hz: int = SAMPLE_RATE_HZ
) -> Iterator[NDArray[np.float32]]:
    """Blocks of shape [channels, n] at `sample_rate_hz` as blocks of [channels, n'] at `target_hz`.

    Joined, they are bit by bit what one block with the whole call would give. Channels are never
    mixed; all blocks have the same number. Values stay in [-1, 1].
    """
    if sample_rate_hz == target_hz:
        yield from blocks
        return
    resampler: soxr.ResampleStream | None = None
    channels = 0
    for block in blocks:
        if resampler is None:
            channels = len(block)
            resampler = soxr.ResampleStream(
                sample_rate_hz, target_hz, channels, dtype="float32", quality="HQ"
            )
        yield _limit(resampler.resample_chunk(np.ascontiguousarray(block.T)))
    if resampler is not None:
        end = np.empty((0, channels), np.float32)
        yield _limit(resampler.resample_chunk(end, last=True))


def to_16k(samples: NDArray[np.float32], sample_rate_hz: int) -> list[NDArray[np.float32]]:
    """The channels of [channels, n] at 16 kHz, each contiguous; for calls known to be short."""
    resampled = np.concatenate(list(resample_blocks([samples], sample_rate_hz)), axis=1)
    return [np.ascontiguousarray(channel) for channel in resampled]


def _limit(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, channels] → [channels, n] in [-1, 1]: the filter overshoots at edges."""
    return np.ascontiguousarray(np.clip(frames, -1, 1).T)
