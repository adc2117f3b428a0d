"""Comparison of durations, which are skewed: as ratios of geometric means."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]


class Ratio(NamedTuple):
    """How many times as long; 95 % interval."""

    ratio: float
    lo: float
    hi: float


def compare_durations(first_s: ArrayLike, second_s: ArrayLike) -> Ratio | None:
    """The first durations by the second: ratio of geometric means, Welch's interval of their logs.

    None under 2 durations above 0 on a side.
    """
    logs = [np.log(x[x > 0]) for x in (np.asarray(first_s, float), np.asarray(second_s, float))]
    if min(len(x) for x in logs) < 2:
        return None
    difference = float(logs[0].mean() - logs[1].mean())
    parts = [float(x.var(ddof=1)) / len(x) for x in logs]
    variance = sum(parts)
    if variance == 0:
        return Ratio(*[math.exp(difference)] * 3)
    # Welch and Satterthwaite's degrees of freedom.
    freedom = variance**2 / sum(v**2 / (len(x) - 1) for v, x in zip(parts, logs, strict=True))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance)  # pyright: ignore[reportUnknownMemberType]
    return Ratio(*(math.exp(difference + by) for by in (0.0, -half, half)))
