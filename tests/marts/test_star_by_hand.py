"""A day made by hand, and the facts that its definitions give; the answers came before the code.

Friday 14 March 2025 in Shanghai. `a`: stereo, the customer ends angry and there is a high alert.
`b`: mono, half an hour later, the same customer about the same. `c`: nobody knows whose, and its
words could not be recognised. `q`, `d`: no good recordings.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callqa_assets.marts import alerts, calls, script_checks, segments, topic_hits
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dimensions import find_uncovered_year
from tests.marts.made_calls import ANALYSED, MadeCalls, add_models, ask, publish
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
MARTS = (calls.MART, segments.MART, topic_hits.MART, script_checks.MART, alerts.MART)

METRICS_A = {
    "time_basis": "words",
    "conversation_start_s": 2.0,
    "conversation_end_s": 52.0,
    "conversation_s": 50.0,
    "lead_silence_s": 2.0,
    "tail_silence_s": 8.0,
    "unheard_s": 0.5,
    "silence_s": 5.5,
    "music_s": 0.0,
    "hold_s": None,
    "silence_over_3s_s": 3.5,
    "silence_over_5s_s": 0.0,
    "silences_over_3s": 1,
    "longest_silence_s": 3.5,
    "overlap_s": 0.5,
    "overlap_share": 0.01,
    "talk_balance": 0.4,
    "turns": 9,
    "response_delays": 3,
    "response_delay_median_s": 0.75,
    "response_delay_p90_s": 1.5,
    "final_emotion": "angry",
    "final_negative_share": 0.5,
    "tone_text_conflicts": 0,
}
METRICS_B = {
    **METRICS_A,
    **dict.fromkeys(("overlap_s", "overlap_share", "talk_balance", "response_delays")),
    **dict.fromkeys(("response_delay_median_s", "response_delay_p90_s")),
    "final_emotion": "neutral",
}


def channel(number: int, role: str, **values):
    return {
        "channel": number,
        "role": role,
        "talk_s": 20.0,
        "talk_share": 0.4,
        "turns": 5,
        "chars": 80,
        "chars_per_min_median": 240.0,
        "chars_per_min_p90": 300.0,
        "overlaps_over_300ms": 1,
        "interruptions": 1,
        "interruptions_yielded": 0,
        "interruptions_per_10min": 20.0,
        "backchannels": 2,
        "level_median_dbfs": -26.0,
        "level_rise_db": 3.0,
        "labelled_s": 18.0,
        "negative_s": 0.0,
        "negative_share": 0.0,
        "trend": None,
        **values,
    }


def alert(alert_id: str, **values):
    return {
        "alert_id": alert_id,
        "channel": 1,
        "role": "customer",
        "rule": "anger",
        "rule_hash": "r",
        "priority": "high",
        "started_s": 10.0,
        "ended_s": 12.0,
        "fired_at_s": 11.0,
        "peak": 0.8,
        "mode": "live",
        "needs_review": False,
        "inhibited_by": None,
        "evidence": {},
        "created_at": ANALYSED,
        "superseded_at": None,
        **values,
    }


def script(item: str, outcome: str, **values):
    return {
        "script": "service",
        "item": item,
        "outcome": outcome,
        "reason": None,
        "needs_review": False,
        "expected": "您好",
        "matched_text": None,
        "score": None,
        "role": None,
        **values,
    }


@pytest.fixture
def made(warehouse: Warehouse) -> Warehouse:
    with warehouse.write() as connection:
        made = MadeCalls(connection)
        add_models(made)
        # Added out of order: numbers are given by start.
        made.call("b", f"{DAY} 10:00", channels=1, channel_roles=["mixed"]).processed().add(
            tables.call_metrics, METRICS_B
        ).add(
            tables.call_channel_metrics,
            channel(
                0,
                "mixed",
                talk_s=40.0,
                interruptions=None,
                labelled_s=30.0,
                negative_s=3.0,
                negative_share=0.1,
            ),
        ).says(0, 0, "mixed", "还是退费的事")
        made.call(
            "a", f"{DAY} 09:30", agent_id="1001", queue="billing", customer_id="13800138000"
        ).processed().add(tables.call_metrics, METRICS_A).add(
            tables.call_channel_metrics,
            channel(0, "agent"),
            channel(
                1,
                "customer",
                talk_s=25.0,
                talk_share=0.5,
                chars_per_min_median=200.0,
                interruptions=0,
                labelled_s=20.0,
                negative_s=5.0,
                negative_share=0.25,
                trend=0.5,
            ),
        ).add(
            tables.call_quarters,
            {
                "channel": 1,
                "quarter": 4,
                "role": "customer",
                "start_s": 39.5,
                "end_s": 52.0,
                "labelled_s": 6.0,
                "negative_s": 3.0,
                "negative_share": 0.5,
            },
        ).says(0, 0, "agent", "您好").says(1, 0, "customer", "我的手机是13800138000", "angry").add(
            tables.pii_spans,
            {
                "channel": 1,
                "segment_no": 0,
                "span_no": 0,
                "role": "customer",
                "start_char": 5,
                "end_char": 16,
                "raw_start_char": 5,
                "raw_end_char": 16,
                "start_s": 1.0,
                "end_s": 2.0,
                "kind": "mobile",
                "checked": False,
                "confidence": "high",
                "part": "whole",
            },
        ).speaks_of("退费", "退费", "开户流程").add(
            tables.alerts,
            alert("2", started_s=30.0, ended_s=33.0, priority="low", rule="silence", role="agent"),
            alert("1"),
            alert("3", superseded_at=ANALYSED),
            alert("4", started_s=40.0, ended_s=41.0, mode="shadow", inhibited_by="1"),
        ).add(
            tables.script_checks,
            script("greeting", "passed", matched_text="您好", score=100.0, role="agent"),
            script("identity", "missed", reason="not_said"),
            script("recorded", "unsure", reason="doubtful_text"),
            script("promise", "forbidden", matched_text="打13800138000", score=100.0),
            script("fees", "not_applicable", reason="not_mentioned"),
        )
        made.call("c", f"{DAY} 23:59", queue="billing").processed(failed="pii").says(
            0, 0, "agent", "电话13900139000"
        )
        made.call("q", f"{DAY} 11:00", status="quarantined", reason="empty")
        made.call("d", f"{DAY} 11:01", status="duplicate", content_sha256="a", duplicate_of="a")
        made.call("n", "2025-03-15 00:00", queue="billing")
    for mart in MARTS:
        publish(warehouse, mart, DAY)
    return warehouse


def read(warehouse: Warehouse, table, *key: str):
    """Rows by call and these columns."""
    found = {row["call_key"]: row["recording_id"] for row in read_rows(warehouse, tables.fact_call)}
    return {
        (found[row["call_key"]], *(row[name] for name in key)): row
        for row in read_rows(warehouse, table)
    }


def test_a_call_has_the_facts_of_both_sides(made):
    row = read(made, tables.fact_call)["a",]
    expected = {
        "date_key": 20250314,
        "call_key": 1,
        "call_day": datetime(2025, 3, 14),
        "started_local": datetime(2025, 3, 14, 9, 30),
        "started_utc": datetime(2025, 3, 14, 1, 30, tzinfo=UTC),
        "ingested_utc": ANALYSED,
        "analysed_utc": ANALYSED,
        "is_complete": True,
        "model_set_key": 1,
        "agent_key": 1,
        "queue_key": 1,
        "duration_s": 60.0,
        "channels": 2,
        "channels_ok": True,
        "conversation_s": 50.0,
        "agent_talk_s": 20.0,
        "customer_talk_s": 25.0,
        "agent_interruptions": 1,
        "customer_interruptions": 0,
        "agent_chars_per_min": 240.0,
        "customer_chars_per_min": 200.0,
        "overlap_s": 0.5,
        "silence_over_3s_s": 3.5,
        "response_delay_median_s": 0.75,
        "turns": 9,
        "customer_labelled_s": 20.0,
        "customer_negative_s": 5.0,
        "customer_negative_share": 0.25,
        "customer_final_emotion": "angry",
        "is_unhappy": True,
        "alerts": 2,
        "alerts_high": 1,
        "topics": 2,
        "script_applicable": 4,
        "script_missed": 1,
        "script_forbidden": 1,
        "script_unsure": 1,
    }
    assert {name: row[name] for name in expected} == expected


def test_of_a_mono_call_nothing_is_said_about_sides(made):
    row = read(made, tables.fact_call)["b",]
    unknown = ("agent_talk_s", "customer_talk_s", "overlap_s", "agent_interruptions")
    assert {name: row[name] for name in unknown} == dict.fromkeys(unknown)
    assert row["channels_ok"] is False
    assert (row["agent_key"], row["queue_key"]) == (0, 0)
    assert row["is_unhappy"] is False
    # Of both speakers, as `customer_final_emotion` is.
    assert (row["customer_labelled_s"], row["customer_negative_share"]) == (30.0, 0.1)


def test_what_is_not_known_of_a_call_is_null(made):
    row = read(made, tables.fact_call)["c",]
    unknown = ("channels_ok", "conversation_s", "turns", "is_unhappy", "customer_labelled_s")
    assert {name: row[name] for name in unknown} == dict.fromkeys(unknown)
    assert row["is_complete"] is False
    assert row["alerts"] == row["topics"] == row["script_applicable"] == 0


def test_only_good_recordings_of_the_day_are_calls(made):
    assert sorted(read(made, tables.fact_call)) == [("a",), ("b",), ("c",)]
    keys = {r["recording_id"]: r["call_key"] for r in read_rows(made, tables.fact_call)}
    assert keys == {"a": 1, "b": 2, "c": 3}, "numbers by start"


def test_channels_and_quarters_have_numerators_beside_shares(made):
    channels = read(made, tables.fact_call_channel, "channel")
    assert sorted(channels) == [("a", 0), ("a", 1), ("b", 0)]
    customer = channels["a", 1]
    assert (customer["talk_s"], customer["conversation_s"], customer["talk_share"]) == (25, 50, 0.5)
    assert (customer["role"], customer["trend"]) == ("customer", 0.5)
    (quarter,) = read(made, tables.fact_call_quarter, "channel", "quarter").values()
    assert (quarter["negative_s"], quarter["labelled_s"], quarter["negative_share"]) == (3, 6, 0.5)


def test_texts_are_masked_also_where_nobody_looked_for_personal_data(made):
    found = read(made, tables.fact_segment, "channel", "segment_no")
    assert {key: row["text"] for key, row in found.items()} == {
        ("a", 0, 0): "您好",
        ("a", 1, 0): "我的手机是138****8000",
        ("b", 0, 0): "还是退费的事",
        ("c", 0, 0): "电话139****9000",
    }
    angry = found["a", 1, 0]
    assert (angry["emotion"], angry["emotion_confidence"], angry["confidence"]) == (
        "angry",
        0.8,
        0.75,
    )
    assert angry["end_s"] == 2.0


def test_topics_scripts_and_alerts_point_to_their_dimensions(made):
    hits = ask(
        made,
        "SELECT d.topic, COUNT(*) AS hits FROM published_fact_topic_hit f "
        "JOIN published_dim_topic d ON d.topic_key = f.topic_key "
        "GROUP BY d.topic ORDER BY hits DESC",
    )
    assert [(row["topic"], row["hits"]) for row in hits] == [("退费", 2), ("开户流程", 1)]
    checks = ask(
        made,
        "SELECT d.item, f.outcome, f.matched_text FROM published_fact_script_check f "
        "JOIN published_dim_script_item d ON d.script_item_key = f.script_item_key "
        "WHERE f.matched_text IS NOT NULL ORDER BY d.item",
    )
    assert [tuple(row.values()) for row in checks] == [
        ("greeting", "passed", "您好"),
        ("promise", "forbidden", "打138****8000"),
    ]
    raised = ask(
        made,
        "SELECT f.alert_no, f.alert_id, d.rule, f.mode, f.is_inhibited, f.start_s "
        "FROM published_fact_alert f JOIN published_dim_rule d ON d.rule_key = f.rule_key "
        "ORDER BY f.alert_no",
    )
    assert [tuple(row.values()) for row in raised] == [
        (0, "1", "anger", "live", False, 10.0),
        (1, "2", "silence", "live", False, 30.0),
        (2, "4", "anger", "shadow", True, 40.0),
    ]


def test_keys_stay_when_a_day_is_published_again_with_an_earlier_call(made):
    with made.write() as connection:
        MadeCalls(connection).call("0", f"{DAY} 08:00", agent_id="0999", queue="billing")
    publish(made, calls.MART, DAY)
    rows = {r["recording_id"]: r for r in read_rows(made, tables.fact_call)}
    assert {name: row["call_key"] for name, row in rows.items()} == {"a": 1, "b": 2, "c": 3, "0": 4}
    assert rows["0"]["agent_key"] == 2
    assert rows["0"]["model_set_key"] == 0


def test_the_models_of_a_call_are_named(made):
    models = {row["model_set_key"]: row for row in read_rows(made, tables.dim_model_set)}
    assert models[0]["asr_model"] is None
    assert (models[1]["vad_model"], models[1]["asr_model"], models[1]["emotion_model"]) == (
        "segments-model",
        "transcripts-model",
        "emotions-model",
    )


def test_the_day_is_a_row_of_dim_date(made):
    (day,) = ask(
        made,
        "SELECT d.weekday, d.iso_week, d.is_workday FROM published_fact_call f "
        "JOIN published_dim_date d ON d.date_key = f.date_key WHERE f.recording_id = 'a'",
    )
    assert tuple(day.values()) == (5, 11, True)


def test_a_date_filter_of_a_bi_client_finds_the_day_and_no_other(made):
    """As Superset writes it; a DATE column on SQLite is off by a day at both ends."""
    for begin, end, calls_found in (
        ("2025-03-14", "2025-03-15", 3),
        ("2025-03-13", "2025-03-14", 0),
        ("2025-03-15", "2025-03-16", 0),
    ):
        (row,) = ask(
            made,
            "SELECT COUNT(*) AS calls FROM published_fact_call "
            "WHERE call_day >= :begin AND call_day < :finish",
            begin=f"{begin} 00:00:00.000000",
            finish=f"{end} 00:00:00.000000",
        )
        assert row["calls"] == calls_found


def test_a_year_whose_holidays_are_not_published_yet_is_named(made):
    with made.read() as connection:
        assert find_uncovered_year(connection, DAY) is None
        assert "2027" in str(find_uncovered_year(connection, "2027-03-15"))
