"""Agents against what their calls let expect: shrunk rates with honest intervals, never ranks.

Events are counted in calls, such as calls that end unhappily, and fewer are better. An agent with
few calls has a rate far from the others' by chance alone; the model below draws it towards the
expected rate, by as much as the agents are found to be alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

MIN_TRIALS = 30
"""Calls below which no agent is named, whatever the probability."""
SURE = 0.95
"""Probability from which an agent is named."""

Finding = Literal["worse", "better"]

_SPREADS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
"""Standard deviations of the agents' true rates, as shares of the expected rate, all equally likely
beforehand. The least one is not 0: agents are never quite alike, and with a spread of 0 intervals
would have no width. Chosen with benchmarks/accuracy/agents.py."""
_SHIFTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Errors of the expected rates, in standard errors on the logit scale."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Agents, an entry each, against their expected rates; NaN: nothing to compare with."""

    shrunk: Floats
    """Mean of what the agent's true rate may be."""
    lo: Floats
    hi: Floats
    """Between them it lies with 95 %."""
    p_worse: Floats
    """Probability that it is above the expected rate."""

    def findings(self, trials: ArrayLike) -> list[Finding | None]:
        """Who may be named: enough calls, and surely above or below the expected rate."""
        return [
            None if n < MIN_TRIALS else "worse" if p > SURE else "better" if 1 - p > SURE else None
            for n, p in zip(np.asarray(trials), self.p_worse, strict=True)
        ]


def expected_events(strata: ArrayLike, events: ArrayLike, trials: ArrayLike) -> Floats:
    """Events of each cell, were its rate its stratum's: indirect standardisation.

    A cell is an agent's calls in one stratum, such as a queue on a day; an agent's expected events
    are the sum over the agent's cells. The agent's own calls count in the stratum, which makes a
    comparison in a small one cautious.

    Args:
        strata: Number of each cell's stratum, from 0.
        events, trials: Of each cell.
    """
    index, y, n = np.asarray(strata), np.asarray(events, float), np.asarray(trials, float)
    total = np.bincount(index, n)
    rates = np.divide(np.bincount(index, y), total, out=np.zeros_like(total), where=total > 0)
    return n * rates[index]


def compare(events: ArrayLike, trials: ArrayLike, expected: ArrayLike) -> Comparison:
    """Agents who do the same work, against the expected rate of each.

    Beta-binomial model: an agent's true rate has a beta distribution around the expected rate, with
    a standard deviation of `spread` times that rate (or times 1 - rate where this is smaller).
    Spread and level are not plugged in as estimates, which leaves the intervals of a few agents, or
    of agents who are alike, far too narrow: the posteriors are averaged over a grid of both,
    weighted by their likelihood (empirical Bayes by integration: Gelman and others, Bayesian Data
    Analysis, 3rd edition, 5.3). The interval is that of the beta distribution with the average's
    mean and variance.

    Args:
        events, trials: Of each agent; events of at most as many trials.
        expected: Expected rate of each, 0 to 1 (`expected_events` / trials).

    Nothing is compared where an agent has no trials, where there is only one agent, or where there
    is no event at all or one in every trial.
    """
    y, n, e = (np.asarray(values, float) for values in (events, trials, expected))
    with_calls = n > 0
    results = np.full((4, len(n)), np.nan)
    if with_calls.sum() > 1 and 0 < y.sum() < n.sum():
        results[:, with_calls] = _compare(y[with_calls], n[with_calls], e[with_calls])
    return Comparison(*results)


def _compare(y: Floats, n: Floats, e: Floats) -> Floats:
    # An agent's days may all be without an event.
    least = 0.5 / (n.sum() + 1)
    e = np.clip(e, least, 1 - least)

    spread = np.repeat(_SPREADS, len(_SHIFTS))[:, None]
    error = _standard_error(n, e, spread)
    mean = special.expit(special.logit(e) + np.tile(_SHIFTS, len(_SPREADS))[:, None] * error)
    strength = _prior_calls(mean, spread)
    prior_a, prior_b = strength * mean, strength * (1 - mean)
    a, b = prior_a + y, prior_b + n - y
    likelihood = (special.betaln(a, b) - special.betaln(prior_a, prior_b)).sum(axis=1)
    # The grid of shifts is as wide as the error: without the last term wide ones would count less.
    likelihood += np.log(error[:, 0])
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()

    posterior = a / (a + b)
    variance = posterior * (1 - posterior) / (a + b + 1)
    shrunk = weight @ posterior
    spread_of_all = weight @ (variance + posterior**2) - shrunk**2
    total = shrunk * (1 - shrunk) / spread_of_all - 1
    lo, hi = special.betaincinv(shrunk * total, (1 - shrunk) * total, [[0.025], [0.975]])
    return np.stack([shrunk, lo, hi, weight @ special.betaincc(a, b, e)])


def _correlation(mean: Floats, spread: Floats) -> Floats:
    """Intraclass correlation of calls of one agent."""
    return (spread * np.minimum(mean, 1 - mean)) ** 2 / (mean * (1 - mean))


def _prior_calls(mean: Floats, spread: Floats) -> Floats:
    """How many calls the expected rate is worth beside an agent's own."""
    return 1 / _correlation(mean, spread) - 1


def _standard_error(n: Floats, e: Floats, spread: Floats) -> Floats:
    """Of the level of all agents, on the logit scale: [grid, 1]."""
    variance = n * e * (1 - e)
    inflated = variance * (1 + (n - 1) * _correlation(e, spread))
    return np.sqrt(inflated.sum(axis=1, keepdims=True)) / variance.sum()
