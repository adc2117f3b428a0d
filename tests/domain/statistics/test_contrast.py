"""Words of one kind of call against another."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.statistics.contrast import compare_words
from callqa_assets.domain.statistics.discoveries import adjust_p_values


def test_log_odds_and_their_error_are_those_of_the_formula():
    # 10 of 100 against 10 of 300: p = 20 / 400 = 0.05, with 40 calls: a = 2, b = 38 (each + 0.001).
    found = compare_words(np.array([10.0]), 100, np.array([10.0]), 300, 40)
    log_odds = np.log(12 / 128) - np.log(12 / 328)
    assert found.log_odds[0] == pytest.approx(log_odds, rel=1e-3)
    error = np.sqrt(1 / 12 + 1 / 128 + 1 / 12 + 1 / 328)
    assert found.z[0] == pytest.approx(log_odds / error, rel=1e-3)
    assert found.p_values[0] == pytest.approx(0.0127, abs=2e-3)


def test_a_word_said_as_often_in_both_is_drawn_to_nothing_and_the_other_way_is_below_nothing():
    found = compare_words(np.array([10.0, 1.0]), 100, np.array([30.0, 60.0]), 300, 50)
    assert found.log_odds[0] == pytest.approx(0, abs=1e-4)
    assert found.z[1] < -2
    assert found.p_values[1] > 0.97


def test_rare_words_are_drawn_further_towards_nothing():
    few = compare_words(np.array([3.0]), 100, np.array([3.0]), 300, 50).log_odds[0]
    many = compare_words(np.array([30.0]), 100, np.array([30.0]), 300, 50).log_odds[0]
    assert few < many


def test_adjusted_p_values_step_up():
    # 0.01 x 4 = 0.04; 0.02 x 4 / 2 = 0.04; 0.03 x 4 / 3 = 0.04; 0.5.
    adjusted = adjust_p_values(np.array([0.02, 0.5, 0.01, 0.03]))
    assert adjusted.tolist() == pytest.approx([0.04, 0.5, 0.04, 0.04])
    assert len(adjust_p_values(np.array([]))) == 0
