"""Counts of calls become comparisons: sums, shares and expectations as written down by hand."""

from __future__ import annotations

import polars as pl
import pytest

from callqa_assets.domain.statistics.agents import compare
from callqa_assets.domain.statistics.proportions import wilson_interval
from callqa_assets.marts.comparisons import compare_agents

CELLS = pl.DataFrame(
    # Queue 1 has 10 of 100 on its first day, and 60 of 120 in the outage of the second.
    [
        *((1, 1, 7, 40, 5), (2, 1, 7, 60, 30)),
        *((1, 1, 8, 60, 5), (2, 1, 9, 60, 30)),
        # Queue 2: 6 of 60.
        *((1, 2, 7, 20, 4), (1, 2, 8, 40, 2)),
    ],
    schema=["date_key", "queue_key", "agent_key", "n", "events"],
    orient="row",
)


def test_agents_of_a_queue_are_expected_to_have_its_days():
    rows = compare_agents(
        CELLS, within=["queue_key"], strata=["queue_key", "date_key"], than="queue"
    )
    assert [(row["queue_key"], row["agent_key"]) for row in rows] == [
        *((1, 7), (1, 8), (1, 9)),
        *((2, 7), (2, 8)),
    ]
    seven, eight, nine = rows[:3]
    assert (seven["n"], seven["n_events"], seven["raw"]) == (100, 35, 0.35)
    # 40 at 10 % and 60 at 50 %; 60 at 10 %; 60 at 50 %.
    assert seven["expected"] == pytest.approx(0.34)
    assert eight["expected"] == pytest.approx(0.10)
    assert nine["expected"] == pytest.approx(0.50)
    assert (seven["wilson_lo"], seven["wilson_hi"]) == wilson_interval(35, 100)
    found = compare([35, 5, 30], [100, 60, 60], [0.34, 0.10, 0.50])
    assert [row["shrunk"] for row in rows[:3]] == pytest.approx(found.shrunk)
    assert [row["p_worse_than_queue"] for row in rows[:3]] == pytest.approx(found.p_worse)


def test_over_all_queues_the_mix_counts():
    cells = CELLS.with_columns(measure=pl.lit("unhappy"))
    rows = compare_agents(
        cells, within=["measure"], strata=["queue_key", "date_key"], than="expected"
    )
    assert [(row["agent_key"], row["n"], row["n_events"]) for row in rows] == [
        *((7, 120, 39), (8, 100, 7), (9, 60, 30))
    ]
    # 4 + 30 and 20 at 10 %; 60 and 40 at 10 %; 60 at 50 %.
    assert [row["expected"] for row in rows] == pytest.approx([36 / 120, 0.10, 0.50])


def test_an_agent_alone_is_compared_with_nobody():
    (row,) = compare_agents(
        CELLS.filter(queue_key=2, agent_key=7), within=["queue_key"], strata=["queue_key"], than="q"
    )
    assert (row["raw"], row["expected"]) == (0.2, 0.2)
    assert row["shrunk"] is row["lo"] is row["p_worse_than_q"] is row["finding"] is None


def test_an_agent_without_calls_has_no_rate():
    cells = CELLS.filter(queue_key=2).with_columns(n=pl.Series([20, 0]), events=pl.Series([4, 0]))
    _, row = compare_agents(cells, within=["queue_key"], strata=["queue_key"], than="queue")
    assert (row["n"], row["raw"], row["expected"]) == (0, None, None)
    assert (row["wilson_lo"], row["wilson_hi"]) == (0.0, 1.0)


def test_without_calls_there_are_no_rows():
    assert compare_agents(CELLS.clear(), within=["queue_key"], strata=["queue_key"], than="q") == []
