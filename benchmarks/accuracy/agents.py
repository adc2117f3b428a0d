"""Comparisons of agents on simulated calls: coverage of the intervals, who is named rightly.

    python -m benchmarks.accuracy.agents [--seeds 1 2]

prints Markdown tables for benchmarks/RESULTS.md. The grid of spreads in
`domain/statistics/agents.py` was chosen with seed 1; seed 2 was never tuned on. Everything is
simulated: 28 days, agents' numbers of calls from a gamma distribution around the mean, agents' true
rates from a beta distribution. `spread` is its standard deviation as a share of the mean; with a
spread of 0 all agents are equal, and whoever is named is named falsely.

Contenders: `Wilson`: named where the agent's own interval leaves out the queue's rate. `moments`:
beta-binomial with a spread estimated by two moments and plugged in (Kleinman, JASA 68, 1973).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

from callqa_assets.domain.statistics.agents import Comparison, compare, expected_events
from callqa_assets.domain.statistics.proportions import wilson_interval

Floats = NDArray[np.float64]
Contender = Callable[[Floats, Floats, Floats], Comparison]

QUEUES = (
    *((3, 300, 0.2), (5, 100, 0.1), (5, 900, 0.1), (30, 100, 0.1), (30, 900, 0.1)),
    *((30, 900, 0.3), (30, 2500, 0.3), (100, 900, 0.6), (300, 100, 0.02), (300, 900, 0.1)),
)
"""Agents, mean calls of an agent, rate."""
SPREADS = (0.0, 0.1, 0.25, 0.5)
AGENTS_PER_ROW = 3000
DAYS = 28


def judge_by_wilson(events: Floats, trials: Floats, expected: Floats) -> Comparison:
    """A probability of 0 or 1 where the interval leaves out the expected rate."""
    lo, hi = np.array(
        [wilson_interval(int(y), int(n)) for y, n in zip(events, trials, strict=True)]
    ).T
    p_worse = np.where(lo > expected, 1.0, np.where(hi < expected, 0.0, 0.5))
    return Comparison(events / trials, lo, hi, p_worse)


def judge_by_moments(events: Floats, trials: Floats, expected: Floats) -> Comparison:
    own = 1 - trials / trials.sum()
    pearson = trials * (events / trials - expected) ** 2 / (expected * (1 - expected))
    correlation = (pearson.sum() - own.sum()) / (own * (trials - 1)).sum()
    strength = 1 / max(correlation, 1e-9) - 1
    a = strength * expected + events
    b = strength * (1 - expected) + trials - events
    lo, hi = special.betaincinv(a, b, 0.025), special.betaincinv(a, b, 0.975)
    return Comparison(a / (a + b), lo, hi, special.betaincc(a, b, expected))


CONTENDERS: dict[str, Contender] = {
    "Wilson": judge_by_wilson,
    "moments": judge_by_moments,
    "callqa": compare,
}


@dataclass
class Score:
    agents: int = 0
    covered: int = 0
    named: int = 0
    wrong_side: int = 0
    error: float = 0.0
    """Sum of squared errors of the rates."""

    def add(self, found: Comparison, trials: Floats, truth: Floats, rate: float) -> None:
        self.agents += len(truth)
        self.covered += int(((found.lo <= truth) & (truth <= found.hi)).sum())
        self.error += float(((found.shrunk - truth) ** 2).sum())
        for finding, value in zip(found.findings(trials), truth, strict=True):
            self.named += finding is not None
            self.wrong_side += (finding == "worse" and value <= rate) or (
                finding == "better" and value >= rate
            )


def draw_calls(rng: np.random.Generator, agents: int, mean: float) -> Floats:
    return np.maximum(1, rng.poisson(mean * rng.gamma(4, 1 / 4, agents))).astype(float)


def draw_rates(rng: np.random.Generator, agents: int, rate: float, spread: float) -> Floats:
    if spread == 0:
        return np.full(agents, rate)
    calls = rate * (1 - rate) / (spread * min(rate, 1 - rate)) ** 2 - 1
    return rng.beta(calls * rate, calls * (1 - rate), agents)


def score_queue(
    agents: int, mean: float, rate: float, spread: float, seed: int
) -> dict[str, Score]:
    """One queue whose agents differ by `spread`, many times over."""
    rng = np.random.default_rng(seed)
    scores = {name: Score() for name in CONTENDERS}
    for _ in range(max(10, AGENTS_PER_ROW // agents)):
        trials, truth = draw_calls(rng, agents, mean), draw_rates(rng, agents, rate, spread)
        events = rng.binomial(trials.astype(int), truth).astype(float)
        expected = np.full(agents, events.sum() / trials.sum())
        if 0 < events.sum() < trials.sum():
            for name, judge in CONTENDERS.items():
                scores[name].add(judge(events, trials, expected), trials, truth, rate)
    return scores


@dataclass(frozen=True)
class Centre:
    """A centre of three queues whose agents are all equal, but have other queues and other days."""

    agents: int = 300
    calls_a_day: float = 33.0
    rates: Sequence[float] = field(default=(0.05, 0.1, 0.3))
    outages: int = 2
    """Days on which every queue's rate is threefold."""

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Calls and events: [agent, queue, day]."""
        share = rng.dirichlet(np.full(len(self.rates), 0.5), self.agents)
        works = rng.random((self.agents, DAYS)) < 5 / 7
        calls = rng.poisson(self.calls_a_day * share[:, :, None] * works[:, None, :])
        rate = np.tile(np.array(self.rates)[:, None], DAYS)
        rate[:, rng.choice(DAYS, self.outages, replace=False)] *= 3
        return calls, rng.binomial(calls, rate)


def false_names(seed: int, repeats: int = 10) -> dict[str, float]:
    """Share of agents that are named though all are equal, by what they are compared with."""
    rng, centre = np.random.default_rng(seed), Centre()
    named: dict[str, int] = {}
    for _ in range(repeats):
        calls, events = centre.draw(rng)
        queue, day = np.indices(calls.shape)[1:]
        strata = {"all calls": 0 * queue, "by queue": queue, "by queue and day": queue * DAYS + day}
        trials, happened = calls.sum(axis=(1, 2)), events.sum(axis=(1, 2))
        for name, stratum in strata.items():
            cells = expected_events(stratum.ravel(), events.ravel(), calls.ravel())
            expected = cells.reshape(calls.shape).sum(axis=(1, 2)) / trials
            found = compare(happened, trials, expected).findings(trials)
            named[name] = named.get(name, 0) + sum(finding is not None for finding in found)
    return {name: count / repeats / centre.agents for name, count in named.items()}


def power(seed: int, calls: int, times: float, agents: int = 30, repeats: int = 200) -> float:
    """How often the one agent is found whose rate is `times` the 10 % of alike colleagues."""
    rng, found = np.random.default_rng(seed), 0
    for _ in range(repeats):
        trials, truth = draw_calls(rng, agents, calls), draw_rates(rng, agents, 0.1, 0.1)
        trials[0], truth[0] = calls, 0.1 * times
        events = rng.binomial(trials.astype(int), truth)
        expected = np.full(agents, events.sum() / trials.sum())
        found += compare(events, trials, expected).findings(trials)[0] == "worse"
    return found / repeats


def to_markdown(seed: int) -> str:
    lines = [
        f"Seed {seed}; 95 % intervals; false: named though all are equal.",
        "",
        "| agents, calls, rate | false: " + " / ".join(CONTENDERS) + " | "
        + " | ".join(f"spread {spread}: coverage {' / '.join(CONTENDERS)}" for spread in SPREADS)
        + " | error² at 0.25 to raw |",
        "|---|" + "---|" * (len(SPREADS) + 2),
    ]  # fmt: skip
    for agents, calls, rate in QUEUES:
        rows = [score_queue(agents, calls, rate, spread, seed) for spread in SPREADS]
        false = " / ".join(f"{score.named / score.agents:.3f}" for score in rows[0].values())
        coverage = [
            " / ".join(f"{score.covered / score.agents:.3f}" for score in row.values())
            for row in rows
        ]
        error = rows[2]["callqa"].error / rows[2]["Wilson"].error
        lines.append(
            f"| {agents}, {calls}, {rate:g} | {false} | {' | '.join(coverage)} | {error:.2f} |"
        )
    lines += [
        "",
        "| 300 equal agents, expected rate by | share named |",
        "|---|---:|",
        *(f"| {name} | {share:.3f} |" for name, share in false_names(seed).items()),
        "",
        "| 1 worse agent of 30 | 100 calls | 300 calls | 900 calls |",
        "|---|---:|---:|---:|",
        *(
            f"| × {times:g} | "
            + " | ".join(f"{power(seed, calls, times):.2f}" for calls in (100, 300, 900))
            + " |"
            for times in (1.5, 2, 3)
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    print("\n\n".join(to_markdown(seed) for seed in parser.parse_args().seeds))


if __name__ == "__main__":
    main()
