"""Spikes of topics on simulated days: how many are found, and how many of the found are false.

    python -m benchmarks.accuracy.spikes [--seeds N]

prints a Markdown table for benchmarks/RESULTS.md. A day has 300 topics, each with a share of the
calls (0.03 % to 5 %), a weekday pattern (25 %) and noise from day to day of its own; two topics a
day are twice, three or four times as frequent as usual. 56 days before the first judged day, 60
judged days a seed. Calls are spread over 150 agents. `DEFAULT_SPIKES` was chosen on the first set
of seeds, at 10,000 calls and 20 % noise; nothing was chosen on the second, nor on other centres.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from callqa_assets.domain.statistics.discoveries import adjust_p_values
from callqa_assets.domain.statistics.spikes import (
    DEFAULT_SPIKES,
    SpikeConfig,
    TopicHistory,
    judge_topics,
)

TOPICS, WINDOW, JUDGED, AGENTS = 300, 56, 60, 150
LIFTS = (2, 3, 4)
BUSY_WEEK = np.array([1.25, 1.1, 1.05, 1.0, 1.05, 0.7, 0.6])
SEEDS = {"seeds chosen on": 0, "other seeds": 1_000}

CENTRES = ((10_000, "20 %", 0.0), (1_000, "20 %", 0.0), (10_000, "9 % to 45 %", 0.4))
"""Calls a day; noise from day to day; how much topics differ in it (spread of its logarithm)."""

Judge = Callable[["Simulation", int], NDArray[np.bool_]]
"""(days, day) to which topics [topics] are found to be spikes on it."""


@dataclass(frozen=True)
class Simulation:
    counts: NDArray[np.int64]
    """[topics, days]"""
    totals: NDArray[np.float64]
    lifts: NDArray[np.float64]
    """[topics, days], 1 where there is no spike."""
    agents: NDArray[np.int64]
    """[topics, days]"""


def simulate(seed: int, calls_a_day: int, noise_spread: float) -> Simulation:
    rng = np.random.default_rng(seed)
    days = WINDOW + JUDGED
    weekday = np.arange(days) % 7
    totals = (calls_a_day * BUSY_WEEK[weekday] * rng.gamma(100, 1 / 100, days)).round()
    share = np.exp(rng.uniform(np.log(3e-4), np.log(0.05), TOPICS))
    pattern = np.exp(rng.normal(0, 0.25, (TOPICS, 7)))[:, weekday]
    shape = 25 * np.exp(rng.normal(0, 2 * noise_spread, (TOPICS, 1)))
    noise = rng.gamma(shape, 1 / shape, (TOPICS, days))
    lifts = np.ones((TOPICS, days))
    for day in range(WINDOW, days):
        lifts[rng.choice(TOPICS, 2, replace=False), day] = rng.choice(LIFTS, 2)
    counts = rng.poisson(totals * share[:, None] * pattern * noise * lifts)
    return Simulation(counts, totals, lifts, count_agents(rng, counts))


def count_agents(rng: np.random.Generator, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Agents who had these calls; beyond 30 calls, 30: more than any threshold asks."""
    drawn = rng.integers(0, AGENTS, (*counts.shape, 30))
    drawn[np.arange(30) >= counts[..., None]] = -1
    ordered = np.sort(drawn, -1)
    is_first = np.diff(ordered, prepend=-1, axis=-1) > 0
    return np.asarray(is_first.sum(-1), np.int64)


def judge_with(config: SpikeConfig) -> Judge:
    def judge(days: Simulation, day: int) -> NDArray[np.bool_]:
        window = slice(day - config.window_days, day)
        totals = days.totals[window].astype(int).tolist()
        classes = [d % 7 for d in range(window.start, window.stop)]
        histories = [
            TopicHistory(
                str(topic),
                int(days.counts[topic, day]),
                int(days.totals[day]),
                int(days.agents[topic, day]),
                days.counts[topic, window].tolist(),
                totals,
                classes,
            )
            for topic in range(TOPICS)
        ]
        found = judge_topics(histories, day % 7, config)
        return np.array([finding.state in ("spike", "new") for finding in found])

    return judge


def judge_by_deviations(days: Simulation, day: int) -> NDArray[np.bool_]:
    past = days.counts[:, day - 28 : day]
    today = days.counts[:, day]
    return (today > past.mean(1) + 3 * past.std(1)) & (today >= DEFAULT_SPIKES.min_calls)


def judge_by_poisson(days: Simulation, day: int) -> NDArray[np.bool_]:
    window = slice(day - WINDOW, day)
    rate = days.counts[:, window].sum(1) / days.totals[window].sum()
    expected = np.maximum(days.totals[day] * rate, 0.5)
    today = days.counts[:, day]
    found = adjust_p_values(np.asarray(stats.poisson.sf(today - 1, expected))) <= 0.05
    return found & (today >= DEFAULT_SPIKES.min_calls)


CONTENDERS: dict[str, Judge] = {
    "callqa": judge_with(DEFAULT_SPIKES),
    "mean + 3 standard deviations of 28 days": judge_by_deviations,
    "Poisson, Benjamini–Hochberg 5 %": judge_by_poisson,
}


@dataclass(frozen=True)
class Score:
    a_day: float
    """Spikes found a day."""
    false: float
    """Share of them that are none."""
    found: tuple[float, ...]
    """Of the true ones, by how many times more calls there were."""


def score(judge: Judge, simulations: list[Simulation]) -> Score:
    found = np.concatenate([_judge_all(judge, days) for days in simulations], 1)
    lifts = np.concatenate([days.lifts[:, WINDOW:] for days in simulations], 1)
    return Score(
        found.sum() / found.shape[1],
        float((found & (lifts == 1)).sum() / max(1, found.sum())),
        tuple(float(found[lifts == lift].mean()) for lift in LIFTS),
    )


def _judge_all(judge: Judge, days: Simulation) -> NDArray[np.bool_]:
    return np.stack([judge(days, day) for day in range(WINDOW, WINDOW + JUDGED)], 1)


def rows(seeds: int) -> Iterator[str]:
    yield "| calls a day | noise | days | test | spikes a day | false | ×2 found | ×3 | ×4 |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for calls_a_day, noise, spread in CENTRES:
        for which, first in SEEDS.items():
            days = [simulate(first + n, calls_a_day, spread) for n in range(seeds)]
            for name, judge in CONTENDERS.items():
                result = score(judge, days)
                centre = f"{calls_a_day:,} | {noise} | {which}"
                figures = " | ".join(f"{f:.3f}" for f in (result.false, *result.found))
                yield f"| {centre} | {name} | {result.a_day:.1f} | {figures} |"


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=40, help="simulations of 60 judged days each")
    for row in rows(parser.parse_args().seeds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
