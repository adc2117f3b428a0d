"""Resampling block by block gives the samples of resampling at once."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from callqa_assets.domain.audio.resampling import resample_blocks


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("block", [997, 8_000])
def test_blocks_give_bit_by_bit_what_the_whole_gives(rate_hz, block):
    call = np.random.default_rng(3).normal(0, 0.1, (2, 3 * rate_hz + 17)).astype(np.float32)
    parts = [call[:, start : start + block] for start in range(0, call.shape[1], block)]
    resampled = np.concatenate(list(resample_blocks(parts, rate_hz)), axis=1)
    for channel, whole in zip(resampled, call, strict=True):
        assert np.array_equal(channel, soxr.resample(whole, rate_hz, 16_000, quality="HQ"))


def test_no_block_is_no_sound():
    assert list(resample_blocks([], 8_000)) == []
