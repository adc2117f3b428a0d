"""Words that stand in one kind of call more than in another, e.g. in unhappy calls.

Calls that say a word are counted, not the word's occurrences: a call that is about a thing says it
many times, and a test on occurrences takes that for many calls (23 % false words instead of 7 %,
benchmarks/accuracy/contrast.py).
"""

# pyright: reportUnknownMemberType=false
# (scipy's distributions are untyped)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ContrastConfig:
    """When a word is told."""

    prior_calls: float = 50.0
    """Weight of the word's share in all calls, in calls, on either side: rare words need more."""
    false_share: float = 0.05
    """Expected share of false ones among the words told (Benjamini and Hochberg)."""
    min_calls: int = 20
    """Calls that say it, of both kinds together."""
    min_agents: int = 5
    """Agents in the calls of the first kind that say it: one agent's habit is no finding."""


@dataclass(frozen=True)
class Contrast:
    """Words compared, one entry each."""

    log_odds: Floats
    """Natural logarithm of the odds ratio; above 0: more in the first kind."""
    z: Floats
    """The same by its standard error."""
    p_values: Floats
    """Upper tail of `z`."""


def compare_words(
    first_with: Floats,
    first: Floats | float,
    second_with: Floats,
    second: Floats | float,
    prior_calls: float,
) -> Contrast:
    """Log odds of a call saying each word, the first kind of call against the second.

    Args:
        first_with: calls of the first kind that say each word [words].
        first: all calls of the first kind; [words] where words are of different groups.
        second_with, second: likewise.
        prior_calls: weight of the Beta prior, whose mean is the word's share of all calls.

    After Monroe, Colaresi and Quinn (2008), Fightin' Words, with calls for words:
    log((y1 + a) / (n1 - y1 + b)) - log((y2 + a) / (n2 - y2 + b)), its variance the sum of the
    four terms' reciprocals.
    """
    share = (first_with + second_with) / (first + second)
    a, b = prior_calls * share + 1e-3, prior_calls * (1 - share) + 1e-3
    with_1, without_1 = first_with + a, first - first_with + b
    with_2, without_2 = second_with + a, second - second_with + b
    log_odds = np.log(with_1 / without_1) - np.log(with_2 / without_2)
    z = log_odds / np.sqrt(1 / with_1 + 1 / without_1 + 1 / with_2 + 1 / without_2)
    return Contrast(log_odds, z, np.asarray(stats.norm.sf(z), np.float64))
