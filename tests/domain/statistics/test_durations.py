"""Durations are compared as ratios, with an interval that is wide where there are few."""

from __future__ import annotations

import math

import pytest

from callqa_assets.domain.statistics.durations import compare_durations


def test_the_ratio_is_that_of_geometric_means_with_welch_s_interval():
    # Logs to base 2: 5, 6, 7 and 4, 5, 6: means apart by 1, variances 1 and 1, 4 degrees of
    # freedom, whose 97.5 % point is 2.776.
    found = compare_durations([32, 64, 128], [16, 32, 64])
    assert found is not None
    half = 2.776445 * math.sqrt(2 / 3)
    assert found == pytest.approx((2, 2 * 2**-half, 2 * 2**half), rel=1e-5)


def test_durations_of_0_are_left_out_and_two_are_needed_on_a_side():
    assert compare_durations([10, 0], [10, 20]) is None
    assert compare_durations([], [10, 20]) is None
    found = compare_durations([10, 10], [5, 5, 0])
    assert found is not None
    assert found == pytest.approx((2, 2, 2))
