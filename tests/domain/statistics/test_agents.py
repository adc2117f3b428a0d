"""Agents are compared fairly: by their mix of calls, shrunk, and named only when it is sure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from callqa_assets.domain.statistics.agents import Comparison, compare, expected_events


def test_expected_events_follow_the_mix_of_queues():
    # Refunds: 12 of 40 calls. Sales: 6 of 60.
    # Ann has 30 refunds and 10 sales; Ben 10 refunds and 50 sales.
    strata, events, trials = [0, 1, 0, 1], [10, 1, 2, 5], [30, 10, 10, 50]
    expected = expected_events(strata, events, trials)
    assert expected == pytest.approx([9, 1, 3, 5])
    # Her raw rate is 28 %, his 12 %; his would be 20 % with her mix.
    assert expected[:2].sum() == pytest.approx(10)
    assert expected.sum() == pytest.approx(sum(events))


def test_a_stratum_without_trials_expects_nothing():
    assert expected_events([0, 1], [0, 2], [0, 4]).tolist() == [0, 2]


def test_the_comparison_is_the_integral_that_it_stands_for():
    """Against numerical integration of the same model, rate by rate."""
    events, trials, expected = [4, 30, 11], [20, 90, 60], 45 / 170
    rates = np.linspace(0.0005, 0.9995, 500)
    density = np.zeros((3, len(rates)))
    for spread in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8):
        for level in np.linspace(-4, 4, 81) * 0.25 + np.log(expected / (1 - expected)):
            mean = 1 / (1 + np.exp(-level))
            deviation = spread * min(mean, 1 - mean)
            calls = mean * (1 - mean) / deviation**2 - 1
            prior = stats.beta(calls * mean, calls * (1 - mean)).pdf(rates)
            each = prior * stats.binom.pmf(np.c_[events], np.c_[trials], rates)
            mass = each.sum(axis=1, keepdims=True) / len(rates)
            density += each / mass * mass.prod()
    density /= density.sum(axis=1, keepdims=True)

    found = compare(events, trials, [expected] * 3)
    below = density.cumsum(axis=1)
    assert found.shrunk == pytest.approx(density @ rates, abs=0.004)
    assert found.lo == pytest.approx([rates[(b < 0.025).sum()] for b in below], abs=0.015)
    assert found.hi == pytest.approx([rates[(b < 0.975).sum()] for b in below], abs=0.015)
    assert found.p_worse == pytest.approx(1 - below[:, (rates < expected).sum()], abs=0.03)


def test_few_calls_are_drawn_further_towards_what_is_expected():
    events, trials = [3, 90, 40, 40], [10, 300, 400, 400]
    found = compare(events, trials, [0.15] * 4)
    few, many = found.shrunk[:2]
    assert 0.15 < few < many < 0.3
    assert found.hi[0] - found.lo[0] > found.hi[1] - found.lo[1]


def test_agents_are_compared_with_their_own_expectation():
    """The same 20 % is much in one mix of queues, and little in another."""
    found = compare([60, 60, 60, 60], [300] * 4, [0.1, 0.1, 0.3, 0.3])
    assert found.findings([300] * 4) == ["worse", "worse", "better", "better"]
    assert found.shrunk[0] == found.shrunk[1] < 0.2 < found.shrunk[2]


def test_the_opposite_event_gives_the_opposite_answer():
    events, trials = np.array([4, 30, 11]), np.array([20, 90, 60])
    found = compare(events, trials, [0.2, 0.3, 0.25])
    mirrored = compare(trials - events, trials, [0.8, 0.7, 0.75])
    assert mirrored.shrunk == pytest.approx(1 - found.shrunk)
    assert mirrored.lo == pytest.approx(1 - found.hi)
    assert mirrored.p_worse == pytest.approx(1 - found.p_worse)


def test_the_order_of_agents_does_not_matter():
    found = compare([4, 30, 11], [20, 90, 60], [0.2, 0.3, 0.25])
    turned = compare([11, 30, 4], [60, 90, 20], [0.25, 0.3, 0.2])
    assert turned.p_worse[::-1] == pytest.approx(found.p_worse)


@pytest.mark.parametrize(
    ("events", "trials"),
    [([], []), ([3], [10]), ([0, 0], [10, 20]), ([10, 20], [10, 20]), ([3, 0], [10, 0])],
    ids=["nobody", "alone", "no event", "only events", "the other has no calls"],
)
def test_without_anything_to_compare_nothing_is_said(events, trials):
    found = compare(events, trials, [0.3] * len(events))
    for values in (found.shrunk, found.lo, found.hi, found.p_worse):
        assert np.isnan(values).all()
    assert found.findings(trials) == [None] * len(trials)


def test_agents_without_calls_change_nothing_for_the_others():
    assert compare([4, 0, 9], [20, 0, 30], [0.26] * 3).shrunk[[0, 2]] == pytest.approx(
        compare([4, 9], [20, 30], [0.26] * 2).shrunk
    )


def test_days_on_which_nothing_happened_to_anybody_can_be_compared():
    found = compare([0, 8], [40, 40], [0.0, 0.2])
    assert np.isfinite(found.p_worse).all()
    assert found.shrunk[0] < 0.01


def test_a_name_needs_30_calls_and_95_percent():
    p = np.array([0.951, 0.951, 0.95, 0.05, 0.049, np.nan])
    found = Comparison(p, p, p, p)
    assert found.findings([29, 30, 500, 500, 30, 500]) == [
        None,
        "worse",
        None,
        None,
        "better",
        None,
    ]
