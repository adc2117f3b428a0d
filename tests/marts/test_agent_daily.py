"""`agent_daily` on hand-made days: counts, shares and expectations written from the definitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.domain.statistics.agents import compare
from callqa_assets.marts.agent_daily import MART
from callqa_assets.marts.mart import MartContext
from callqa_assets.warehouse.tables import agent_daily, agent_mix_daily
from tests.support.fact_calls import insert_fact_calls

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


def call(agent: int, queue: int, unhappy: bool | None = False, **values):
    return {"agent_key": agent, "queue_key": queue, "is_unhappy": unhappy, **values}


@pytest.fixture
def compute(warehouse):
    def run(*days, day: str = DAY):
        with warehouse.write() as connection:
            for other, calls in days:
                insert_fact_calls(connection, other, *calls)
        with warehouse.read() as connection:
            rows = MART.compute(MartContext(connection, DEFAULT_CALENDAR, Path(), today=DAY), day)
        keys = ("agent_key", "queue_key", "measure")
        return {
            table: {tuple(row[k] for k in keys if k in row): row for row in found}
            for table, found in rows.items()
        }

    return run


def test_the_day_and_the_days_before_are_counted_apart(compute):
    rows = compute(
        # On the 13th 2 of 4 calls of queue 5 are unhappy.
        ("2025-03-13", [call(1, 5, True), call(1, 5, True), call(2, 5), call(2, 5)]),
        # On the 14th 1 of 4, and one of which it is not known; in queue 6 1 of 2.
        (DAY, [call(1, 5, True), call(1, 5), call(2, 5), call(2, 5), call(2, 5, None),
               call(1, 6), call(2, 6, True)]),
    )  # fmt: skip
    one, two = rows[agent_daily][1, 5, "unhappy"], rows[agent_daily][2, 5, "unhappy"]
    assert one["date_key"] == 20250314
    assert (one["calls"], one["events"], one["n"], one["n_events"]) == (2, 1, 4, 3)
    assert (two["calls"], two["events"], two["n"], two["n_events"]) == (2, 0, 4, 0)
    # Two calls at 50 % and two at 25 %.
    assert one["expected"] == two["expected"] == pytest.approx(0.375)
    found = compare([3, 0], [4, 4], [0.375, 0.375])
    assert (one["shrunk"], two["shrunk"]) == pytest.approx(tuple(found.shrunk))
    assert one["p_worse_than_queue"] > 0.5 > two["p_worse_than_queue"]
    assert one["finding"] is two["finding"] is None  # far too few calls

    both = rows[agent_mix_daily][1, "unhappy"]
    assert (both["n"], both["n_events"]) == (5, 3)
    # And one call at 50 %.
    assert both["expected"] == pytest.approx((1 + 0.5 + 0.5) / 5)


def test_each_measure_counts_the_calls_in_which_it_can_be_known(compute):
    rows = compute(
        (DAY, [
            call(1, 5, None, alerts_high=2, agent_interruptions=None, script_applicable=0),
            call(1, 5, True, agent_interruptions=3, script_applicable=4, script_missed=2),
            call(1, 5, False, agent_interruptions=0, script_applicable=1, script_missed=0),
        ]),
    )[agent_daily]  # fmt: skip
    assert {measure: (row["calls"], row["events"]) for (_, _, measure), row in rows.items()} == {
        "unhappy": (2, 1),
        "high_alert": (3, 1),
        "script_miss": (2, 1),
        "interruption": (2, 1),
    }


def test_28_days_count_and_agents_on_leave_keep_their_row(compute):
    rows = compute(
        ("2025-02-14", [call(1, 5, True)]),
        ("2025-02-15", [call(2, 5, True)]),
        (DAY, [call(3, 5)]),
        ("2025-03-15", [call(4, 5, True)]),
    )[agent_daily]
    assert {agent for agent, _, _ in rows} == {2, 3}
    away = rows[2, 5, "unhappy"]
    assert (away["calls"], away["events"], away["n"], away["n_events"]) == (0, 0, 1, 1)


def test_calls_of_unknown_agents_are_left_out(compute):
    rows = compute((DAY, [call(0, 5, True), call(1, 5), call(2, 5, True)]))[agent_daily]
    assert {agent for agent, _, _ in rows} == {1, 2}
    assert rows[1, 5, "unhappy"]["expected"] == 0.5


def test_a_surely_worse_agent_is_found_and_a_day_of_outage_is_nobody_s_fault(compute):
    good = [call(agent, 5, n < 2) for agent in (1, 2, 3) for n in range(25)]
    bad = [call(4, 5, n < 12) for n in range(25)]
    outage = [call(agent, 5, n < 32) for agent in (5, 6) for n in range(40)]
    before = [(f"2025-03-{day}", good + bad) for day in (11, 12, 13)]
    rows = compute(*before, (DAY, outage))[agent_daily]
    findings = {agent: row["finding"] for (agent, _, m), row in rows.items() if m == "unhappy"}
    assert findings[4] == "worse"
    assert findings[5] is findings[6] is None


def test_a_day_without_calls_has_no_rows(compute):
    assert {table: rows for table, rows in compute().items() if rows} == {}
