"""Intervals of shares."""

from __future__ import annotations

import math

_Z_95 = 1.959964
"""Two-sided 95 % point of the normal distribution."""


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share, by Wilson's score (JASA 22, 1927); (0, 1) of no trials.

    Holds for a handful of trials and for shares near 0 or 1, unlike the normal approximation.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, _Z_95**2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    return max(0.0, centre - half), min(1.0, centre + half)
