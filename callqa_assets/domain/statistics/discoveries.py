"""Which of many tests are discoveries: the step-up procedure of Benjamini and Hochberg."""

# pyright: reportUnknownMemberType=false
# (scipy's functions are untyped)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]


def adjust_p_values(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values [tests]: of those up to 0.05, 5 % are expected to be false.

    Benjamini and Hochberg (1995), Controlling the False Discovery Rate.
    """
    if not len(p_values):
        return p_values
    return np.asarray(stats.false_discovery_control(p_values), np.float64)
