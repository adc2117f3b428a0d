"""Spikes: what counts are expected, and how often a finding is false on simulated days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.spikes import judge_with, score, simulate
from callqa_assets.domain.statistics.spikes import (
    DEFAULT_SPIKES,
    Expectation,
    TopicHistory,
    day_class,
    expect,
    judge_topics,
)

WEEKS = np.arange(56) % 7


def history(counts, calls, *, topic="t", total=1_000, agents=9, totals=None) -> TopicHistory:
    days = len(counts)
    return TopicHistory(
        topic, calls, total, agents, counts, totals or [1_000] * days, WEEKS[:days].tolist()
    )


def state(counts, calls, **options):
    (finding,) = judge_topics([history(counts, calls, **options)], 0)
    return finding.state


def test_the_expected_number_is_the_share_times_the_days_calls():
    counts = np.full((1, 56), 20.0)
    found = expect(counts, np.full((1, 56), 1_000.0), WEEKS, np.array([500.0]), 0)
    assert found.calls[0] == pytest.approx(10, rel=0.01)


def test_a_weekday_pattern_is_learnt_as_far_as_it_is_no_noise():
    counts = np.where(WEEKS == 0, 200.0, 100.0)[None]
    totals = np.full((1, 56), 10_000.0)
    monday = expect(counts, totals, WEEKS, np.array([1e4]), 0).calls[0]
    tuesday = expect(counts, totals, WEEKS, np.array([1e4]), 1).calls[0]
    assert monday == pytest.approx(200, rel=0.1)
    assert tuesday == pytest.approx(100, rel=0.05)


def test_an_older_spike_hardly_raises_what_is_expected():
    counts = np.full((1, 56), 20.0)
    counts[0, 50] = 400
    found = expect(counts, np.full((1, 56), 1_000.0), WEEKS, np.array([1_000.0]), 0)
    assert found.calls[0] == pytest.approx(20, rel=0.05)


def test_the_p_value_is_the_negative_binomials_upper_tail():
    # Mean 2, variance 2 + 0.5 x 4 = 4: size 2, success 1/2; P(0) 1/4, P(1) 1/4, P(2) 3/16.
    found = Expectation(np.array([2.0]), np.array([0.5])).p_values(np.array([2.0]))
    assert found[0] == pytest.approx(1 - 11 / 16 + 3 / 32)


def test_states():
    assert state([20] * 56, 60) == "spike"
    assert state([20] * 56, 25) == "usual"
    assert state([0] * 56, 12) == "new"
    assert state([20] * 27, 60) == "too_young"
    assert state([20] * 56, 0, total=0) == "too_young"  # a day without calls


@pytest.mark.parametrize(
    ("calls", "agents", "found"),
    [(5, 3, "new"), (4, 3, "usual"), (5, 2, "usual"), (5, None, "new")],
)
def test_support_of_calls_and_agents(calls, agents, found):
    assert state([0] * 56, calls, total=100, agents=agents) == found


def test_topics_with_different_days_are_judged_together():
    quiet = [history([20] * 56, 20, topic=str(n)) for n in range(30)]
    odd = history([20] * 30, 60, topic="odd", totals=[1_000] * 30)
    found = judge_topics([*quiet, odd], 0)
    assert [f.topic for f in found if f.state == "spike"] == ["odd"]
    # Adjusted for all 31 topics, not for its own days alone.
    assert found[-1].q_value == pytest.approx(31 * found[-1].p_value)


@pytest.mark.parametrize(
    ("weekday", "is_workday", "expected"),
    [(3, None, 3), (3, True, 3), (3, False, 6), (5, False, 5), (5, True, 4), (6, True, 0)],
)
def test_holidays_and_make_up_days(weekday, is_workday, expected):
    assert day_class(weekday, is_workday) == expected


def test_on_simulated_days_one_in_ten_is_false_and_most_spikes_are_found():
    """As in benchmarks/accuracy/spikes.py, with fewer seeds, none of them chosen on."""
    simulations = [simulate(7_000 + n, 10_000, 0.0) for n in range(4)]
    found = score(judge_with(DEFAULT_SPIKES), simulations)
    assert found.false <= 0.15
    assert found.found[1] >= 0.65
    assert found.found[2] >= 0.80
    lax = score(judge_with(replace(DEFAULT_SPIKES, false_share=0.5)), simulations)
    assert lax.false > 0.3
