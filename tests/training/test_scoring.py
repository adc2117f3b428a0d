"""Recall, calibration error and the time a rule's condition holds, against hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from training.alert_thresholds import longest_hold_s
from training.scoring import expected_calibration_error, unweighted_average_recall


def test_uar_weights_classes_equally_and_counts_other_classes_as_errors() -> None:
    truth, guess = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 7, 0])
    assert unweighted_average_recall(truth, guess) == pytest.approx((0.75 + 0) / 2)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = np.tile([0.95, 0.05], (4, 1))
    assert expected_calibration_error(np.array([0, 0, 1, 1]), sure) == pytest.approx(0.45)


def test_a_condition_is_held_for_the_union_of_neighbouring_windows() -> None:
    edges = np.array([0, 1.125, 1.375, 1.625, 2.75])
    assert longest_hold_s(np.array([0.7, 0.7, 0.1, 0.7]), 0.6, edges) == pytest.approx(1.375)
    assert longest_hold_s(np.array([0.1, 0.1, 0.1, 0.1]), 0.6, edges) == 0
