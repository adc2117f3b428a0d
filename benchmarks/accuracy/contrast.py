"""Words of unhappy calls, simulated: how many planted words are found, how many found are false.

    python -m benchmarks.accuracy.contrast [--seeds N]

prints a Markdown table for benchmarks/RESULTS.md. 20,000 words with Zipf's frequencies; a call has
300 words on average and is about something: each word's frequency varies from call to call by a
gamma distribution of shape 0.6, so that words come in bursts. 60 words of middle frequency are 2.5
times as frequent in 600 unhappy calls as in 4,000 others. `ContrastConfig` was chosen on the first
set of seeds; nothing was chosen on the second.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from callqa_assets.domain.statistics.contrast import ContrastConfig, compare_words
from callqa_assets.domain.statistics.discoveries import adjust_p_values

WORDS, PLANTED, LIFT = 20_000, 60, 2.5
UNHAPPY, OTHERS, WORDS_A_CALL = 600, 4_000, 300
SEEDS = {"seeds chosen on": 5, "other seeds": 1_000}

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """Of unhappy calls and of others: words, and calls that say them [words]."""

    planted: NDArray[np.int64]
    words: tuple[Counts, Counts]
    calls: tuple[Counts, Counts]


def simulate(seed: int) -> Simulation:
    rng = np.random.default_rng(seed)
    usual = 1 / np.arange(1, WORDS + 1) ** 1.05
    usual /= usual.sum()
    planted = rng.choice(np.arange(200, 4_000), PLANTED, replace=False)
    lifted = usual.copy()
    lifted[planted] *= LIFT
    unhappy = draw_calls(rng, UNHAPPY, lifted / lifted.sum())
    others = draw_calls(rng, OTHERS, usual)
    return Simulation(planted, (unhappy[0], others[0]), (unhappy[1], others[1]))


def draw_calls(rng: np.random.Generator, calls: int, share: Counts) -> tuple[Counts, Counts]:
    """Occurrences of each word in these calls, and calls that say it."""
    words, saying = np.zeros(WORDS), np.zeros(WORDS)
    for _ in range(calls):
        own = share * rng.gamma(0.6, 1 / 0.6, WORDS)
        said = rng.multinomial(rng.poisson(WORDS_A_CALL), own / own.sum())
        words += said
        saying += said > 0
    return words, saying


def find_by_calls(days: Simulation, config: ContrastConfig) -> NDArray[np.bool_]:
    unhappy, others = days.calls
    compared = compare_words(unhappy, UNHAPPY, others, OTHERS, config.prior_calls)
    return _discoveries(compared.p_values, unhappy + others, config)


def find_by_words(days: Simulation, config: ContrastConfig) -> NDArray[np.bool_]:
    """Monroe, Colaresi and Quinn's log odds of words, with an informative Dirichlet prior."""
    unhappy, others = days.words
    prior = 5_000 * (unhappy + others) / (unhappy + others).sum() + 1e-6
    totals = [words.sum() + prior.sum() for words in days.words]
    with_1, with_2 = unhappy + prior, others + prior
    log_odds = np.log(with_1 / (totals[0] - with_1)) - np.log(with_2 / (totals[1] - with_2))
    z = log_odds / np.sqrt(1 / with_1 + 1 / with_2)
    return _discoveries(np.asarray(stats.norm.sf(z)), np.sum(days.calls, 0), config)


def find_by_chi_square(days: Simulation, config: ContrastConfig) -> NDArray[np.bool_]:
    unhappy, others = days.words
    due = (unhappy + others) * unhappy.sum() / (unhappy.sum() + others.sum())
    z = np.sign(unhappy - due) * np.sqrt((unhappy - due) ** 2 / np.maximum(due, 1e-9))
    return _discoveries(np.asarray(stats.norm.sf(z)), np.sum(days.calls, 0), config)


def _discoveries(p_values: Counts, calls: Counts, config: ContrastConfig) -> NDArray[np.bool_]:
    found = np.zeros(WORDS, np.bool_)
    tested = np.flatnonzero(calls >= config.min_calls)
    found[tested] = adjust_p_values(p_values[tested]) <= config.false_share
    return found


CONTENDERS: dict[str, Callable[[Simulation, ContrastConfig], NDArray[np.bool_]]] = {
    "callqa: log odds of calls": find_by_calls,
    "log odds of words (Fightin' Words)": find_by_words,
    "chi-square of words": find_by_chi_square,
}


def rows(seeds: int) -> Iterator[str]:
    yield "| calls | test, Benjamini–Hochberg 5 % | words found | false | planted found |"
    yield "|---|---|---|---|---|"
    for which, first in SEEDS.items():
        simulations = [simulate(first + n) for n in range(seeds)]
        for name, find in CONTENDERS.items():
            found = [find(simulation, ContrastConfig()) for simulation in simulations]
            true = [f[s.planted].sum() for f, s in zip(found, simulations, strict=True)]
            told = sum(f.sum() for f in found)
            false = (told - sum(true)) / max(1, told)
            share = sum(true) / (PLANTED * seeds)
            yield f"| {which} | {name} | {told / seeds:.1f} | {false:.2f} | {share:.2f} |"


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=10, help="simulations of each set")
    for row in rows(parser.parse_args().seeds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
