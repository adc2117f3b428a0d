"""`queue_daily` on a hand-made day, its answers written from the definitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.domain.statistics.proportions import wilson_interval
from callqa_assets.marts.mart import MartContext
from callqa_assets.marts.queue_daily import MART
from callqa_assets.warehouse.tables import queue_daily
from tests.support.fact_calls import insert_fact_calls

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"

STEREO = {
    "agent_key": 1, "queue_key": 5, "duration_s": 120.0, "conversation_s": 100.0,
    "agent_talk_s": 50.0, "customer_talk_s": 30.0, "silence_s": 24.0, "silence_over_3s_s": 10.0,
    "overlap_s": 4.0, "agent_interruptions": 2, "response_delay_median_s": 0.8,
    "is_unhappy": True, "alerts": 3, "alerts_high": 2, "script_applicable": 5, "script_missed": 1,
}  # fmt: skip
MONO = {
    "agent_key": 0, "queue_key": 5, "duration_s": 60.0, "conversation_s": 50.0,
    "silence_s": 6.0, "silence_over_3s_s": 0.0,
}  # fmt: skip
SHORT = {
    "agent_key": 2, "queue_key": 5, "duration_s": 30.0, "conversation_s": 20.0,
    "agent_talk_s": 10.0, "customer_talk_s": 10.0, "silence_s": 0.0, "silence_over_3s_s": 0.0,
    "overlap_s": 0.0, "agent_interruptions": 0, "response_delay_median_s": 0.2,
    "is_unhappy": False, "script_applicable": 3,
}  # fmt: skip
UNHEARD = {"agent_key": 2, "queue_key": 0, "duration_s": 5.0}


@pytest.fixture
def rows(warehouse):
    with warehouse.write() as connection:
        insert_fact_calls(connection, "2025-03-13", STEREO)
        insert_fact_calls(connection, DAY, STEREO, MONO, SHORT, UNHEARD)
    with warehouse.read() as connection:
        context = MartContext(connection, DEFAULT_CALENDAR, Path(), today=DAY)
        return {row["queue_key"]: row for row in MART.compute(context, DAY)[queue_daily]}


def test_a_queue_s_day_adds_up(rows):
    lo, hi = wilson_interval(1, 2)
    assert rows[5] == {
        "date_key": 20250314, "queue_key": 5, "calls": 3, "agents": 2,
        "duration_s": 210.0, "conversation_s": 170.0, "agent_talk_s": 60.0, "customer_talk_s": 40.0,
        "talk_balance": 0.6, "silence_s": 30.0, "silence_over_3s_s": 10.0,
        "silence_share": pytest.approx(30 / 170),
        # Not known of the mono call.
        "overlap_s": 4.0, "overlap_conversation_s": 120.0, "overlap_share": pytest.approx(1 / 30),
        "calls_interruption_known": 2, "calls_interrupted": 1, "agent_interruptions": 2,
        "interrupted_share": 0.5, "calls_with_response": 2, "response_delay_median_s": 0.5,
        "calls_judged": 2, "calls_unhappy": 1, "unhappy_share": 0.5, "unhappy_lo": lo,
        "unhappy_hi": hi, "alerts": 3, "alerts_high": 2, "calls_with_high_alert": 1,
        "high_alert_share": pytest.approx(1 / 3), "script_applicable": 8, "script_missed": 1,
        "script_miss_share": 0.125,
    }  # fmt: skip


def test_what_cannot_be_known_is_null_and_not_0(rows):
    unknown = {name for name, value in rows[0].items() if value is None}
    assert unknown == {
        "talk_balance", "silence_share", "overlap_share", "interrupted_share",
        "response_delay_median_s", "unhappy_share", "script_miss_share",
    }  # fmt: skip
    assert (rows[0]["calls"], rows[0]["agents"], rows[0]["calls_judged"]) == (1, 1, 0)


def test_every_column_is_filled(rows):
    assert set(rows[5]) == set(queue_daily.columns.keys())
