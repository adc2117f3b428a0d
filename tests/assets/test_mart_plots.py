"""Plots of agents and queues show the table's numbers, name only who is found, and stay small."""

from __future__ import annotations

import struct
from datetime import date

import polars as pl
import pytest

from callqa_assets.assets.mart_plots import _draw_agents as draw_agents
from callqa_assets.assets.mart_plots import _draw_queues as draw_queues
from callqa_assets.assets.mart_plots import agents_plot, queues_plot

DAY = date(2025, 3, 14)
AGENTS = pl.DataFrame(
    [
        *(("1001", 0.10, 0.25, 0.18, 0.32, "worse"), ("1002", 0.30, 0.20, 0.10, 0.33, None)),
        *(("1003", 0.20, 0.08, 0.03, 0.14, "better"), ("1004", 0.50, None, None, None, None)),
    ],
    schema=["agent_id", "expected", "shrunk", "lo", "hi", "finding"],
    orient="row",
)
QUEUES = pl.DataFrame(
    [("refunds", 40, 0.5, 0.2, 0.1), (None, 60, 0.25, 0.1, None)],
    schema=["queue", "calls", "unhappy_share", "silence_share", "script_miss_share"],
    orient="row",
)


@pytest.mark.parametrize(
    "png",
    [
        agents_plot(AGENTS, "unhappy", DAY),
        agents_plot(AGENTS.clear(), "unhappy", DAY),
        queues_plot(QUEUES, DAY),
        queues_plot(QUEUES.clear(), DAY),
    ],
    ids=["agents", "no agents", "queues", "no queues"],
)
def test_plots_are_small_pngs(png):
    assert struct.unpack(">II", png[16:24]) == (700, 300)
    assert len(png) <= 60_000


def test_only_agents_with_a_finding_are_named_and_the_order_is_not_a_ranking():
    (axes,) = draw_agents(AGENTS, "unhappy", DAY).axes
    named = {text.get_text(): text.xy for text in axes.texts}
    # By what is expected: 1001, 1003, 1002.
    assert named == {"1001": (0, pytest.approx(32)), "1003": (1, pytest.approx(14))}
    assert axes.get_title(loc="left") == "unhappy, 28 days to 2025-03-14 · 3 agents"


def test_intervals_are_those_of_the_table():
    (axes,) = draw_agents(AGENTS, "unhappy", DAY).axes
    drawn = {
        (round(x, 6), round(low, 6), round(high, 6))
        for bars in axes.collections
        for (x, low), (_, high) in bars.get_segments()
    }
    assert drawn == {(0, 18, 32), (1, 3, 14), (2, 10, 33)}


def test_queues_show_their_shares_the_largest_first():
    (axes,) = draw_queues(QUEUES, DAY).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["not known", "refunds"]
    assert [bar.get_height() for bar in axes.patches] == [25, 50, 10, 20, 0, 10]
    assert axes.get_title(loc="left") == "Queues of 2025-03-14 · 100 calls"


def test_nothing_to_show_is_said():
    (axes,) = draw_queues(QUEUES.clear(), DAY).axes
    assert [text.get_text() for text in axes.texts] == ["no calls"]
    (axes,) = draw_agents(AGENTS.clear(), "unhappy", DAY).axes
    assert [text.get_text() for text in axes.texts] == ["nobody to compare"]
