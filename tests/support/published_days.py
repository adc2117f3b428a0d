"""Three published days of a small contact centre, row by row, written by hand.

The star schema as the marts would fill it, so that readers of it (queries, exports, the daily
report) are tested without processing calls. Friday 2025-03-14 is the day in question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR, date_key
from callqa_assets.warehouse import tables as t
from callqa_assets.warehouse.dimensions import find_or_add_keys, store_dates
from resources.storage.config_files import read_workdays
from resources.storage.home import REPO

DAY, DAY_BEFORE, WEEK_BEFORE = "2025-03-14", "2025-03-13", "2025-03-07"
DAYS = (WEEK_BEFORE, DAY_BEFORE, DAY)

CALLS = (
    # key, day, clock, agent, queue, customer ends, unhappy, high alerts, (missed, applicable),
    # topics
    (1, WEEK_BEFORE, "09:30", 1, 1, "neutral", False, 0, (0, 2), (1,)),
    (2, DAY_BEFORE, "10:00", 1, 1, "neutral", False, 0, (0, 2), ()),
    (3, DAY_BEFORE, "11:00", 2, 2, "angry", True, 1, (1, 2), (1,)),
    (4, DAY, "09:15", 1, 1, "angry", True, 1, (1, 2), (1,)),
    (5, DAY, "09:45", 1, 1, "neutral", False, 0, (0, 2), (1, 2)),
    (6, DAY, "14:00", 2, 1, "happy", False, 0, (2, 2), ()),
    (7, DAY, "15:30", 2, 2, None, None, 0, (0, 0), (1,)),
)
"""Call 7 is mono: whatever needs two channels is NULL."""
SAID = "=我要退费,卡号[银行卡]"
"""In call 4, by the customer: a spreadsheet would compute it."""


def write_published_days(connection: sa.Connection) -> None:
    """Insert the rows; the tables are empty but for row 0 of each dimension."""
    store_dates(connection, DEFAULT_CALENDAR, read_workdays(REPO / "configs" / "workdays.csv"))
    for dimension, values in (
        (t.dim_agent, [("1001",), ("1002",)]),
        (t.dim_queue, [("售后",), ("理财",)]),
        (t.dim_topic, [("退费",), ("理财产品",)]),
        (t.dim_script_item, [("standard", "greeting"), ("standard", "identity")]),
        (t.dim_rule, [("customer_anger",)]),
    ):
        find_or_add_keys(connection, dimension, values)
    for day in DAYS:
        _insert(connection, t.published_days, [_publication(day)])
    for rows_of in (_fact_calls, _segments, _topic_hits, _script_checks, _alerts, _repeats):
        table, rows = rows_of()
        _insert(connection, table, rows)
    _insert(connection, t.fact_call_quarter, _quarters())
    _insert(connection, t.queue_daily, _queue_days())
    _insert(connection, t.agent_daily, _agent_days())
    _insert(connection, t.topic_spikes, _spikes())
    _insert(connection, t.keyword_daily, _keywords())
    _insert(connection, t.terms_contrast, [_contrast()])
    _insert(connection, t.policy_points, [_policy_point()])


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Counts and sums that a row does not name are 0: they may not be NULL."""
    zeros = {
        column.name: 0
        for column in table.columns
        if not column.nullable and isinstance(column.type, sa.Integer | sa.Double)
    }
    connection.execute(sa.insert(table), [zeros | dict(row) for row in rows])


def _publication(day: str) -> dict[str, Any]:
    return {
        "date_key": date_key(day),
        "day": day,
        "schema_version": 1,
        "calls": sum(call[1] == day for call in CALLS),
        "calls_incomplete": int(day == DAY),
        "published_at": datetime(2025, 3, 15, 6, tzinfo=UTC),
        "run_id": "run",
    }


def _call(key: int) -> dict[str, Any]:
    """What every fact of a call begins with."""
    _, day, _, agent, queue, *_ = CALLS[key - 1]
    return {
        "date_key": date_key(day),
        "call_key": key,
        "call_day": datetime.fromisoformat(day),
        "agent_key": agent,
        "queue_key": queue,
    }


def _fact_calls() -> tuple[sa.Table, list[dict[str, Any]]]:
    rows = []
    for key, day, clock, _, _, final, unhappy, high, (missed, applicable), topics in CALLS:
        local = datetime.fromisoformat(f"{day} {clock}")
        started = (local - timedelta(hours=8)).replace(tzinfo=UTC)
        mono = key == 7
        rows.append(
            _call(key)
            | {
                "recording_id": f"{key:032x}",
                "call_id": f"202503140000000000{key}",
                "started_local": local,
                "started_utc": started,
                "ingested_utc": started,
                "analysed_utc": started,
                "is_complete": not mono,
                "duration_s": 100.0 * key,
                "channels": 1 if mono else 2,
                "channels_ok": not mono,
                "conversation_s": 80.0,
                "agent_talk_s": None if mono else 40.0,
                "customer_talk_s": None if mono else 30.0,
                "overlap_s": None if mono else 2.0,
                "silence_s": 12.0,
                "silence_over_3s_s": 4.0 if key == 4 else 0.0,
                "longest_silence_s": 4.0 if key == 4 else 2.0,
                "agent_interruptions": None if mono else int(key == 4),
                "customer_interruptions": None if mono else 0,
                "response_delay_median_s": None if mono else 0.2 * key,
                "agent_chars_per_min": None if mono else 200.0 + 10 * key,
                "customer_labelled_s": None if mono else 20.0,
                "customer_negative_s": None if mono else (10.0 if unhappy else 1.0),
                "customer_final_emotion": final,
                "is_unhappy": unhappy,
                "alerts": high,
                "alerts_high": high,
                "script_applicable": applicable,
                "script_missed": missed,
                "topics": len(topics),
            }
        )
    return t.fact_call, rows


def _segments() -> tuple[sa.Table, list[dict[str, Any]]]:
    """Call 4: the customer gets angry while the agent reads out terms."""
    spoken = (
        (0, 0, "agent", 0.5, 6.0, "您好,很高兴为您服务", "neutral"),
        (1, 0, "customer", 7.0, 15.0, SAID, "neutral"),
        (0, 1, "agent", 16.0, 40.0, "按照规定开课后不能退", "neutral"),
        (1, 1, "customer", 39.0, 72.0, "你们这是骗人,我要投诉", "angry"),
        (0, 2, "agent", 73.0, 80.0, "请您稍等", None),
    )
    return t.fact_segment, [
        _call(4)
        | {
            "channel": channel,
            "segment_no": number,
            "role": role,
            "start_s": start,
            "end_s": end,
            "text": text,
            "language": "zh",
            "confidence": 0.8,
            "emotion": emotion,
            "emotion_confidence": None if emotion is None else 0.7,
        }
        for channel, number, role, start, end, text, emotion in spoken
    ]


def _topic_hits() -> tuple[sa.Table, list[dict[str, Any]]]:
    return t.fact_topic_hit, [
        _call(call[0])
        | {
            "channel": 1,
            "segment_no": 0,
            "hit_no": number,
            "topic_key": topic,
            "role": "customer",
            "start_s": 8.0 + number,
            "end_s": 9.0 + number,
            "text": ("退费", "理财")[topic - 1],
        }
        for call in CALLS
        for number, topic in enumerate(call[-1])
    ]


def _script_checks() -> tuple[sa.Table, list[dict[str, Any]]]:
    """Of the items that apply, the first ones are missed: call 4 misses the greeting."""
    return t.fact_script_check, [
        _call(call[0])
        | {
            "script_item_key": item,
            "outcome": "missed" if item <= missed else "passed",
            "role": None if item <= missed else "agent",
            "expected": ("您好", "请问您的姓名")[item - 1],
            "needs_review": False,
        }
        for call in CALLS
        for missed, applicable in [call[8]]
        for item in range(1, applicable + 1)
    ]


def _alerts() -> tuple[sa.Table, list[dict[str, Any]]]:
    return t.fact_alert, [
        _call(key)
        | {
            "alert_no": 0,
            "alert_id": f"{key:032d}",
            "rule_key": 1,
            "priority": "high",
            "mode": "live",
            "channel": 1,
            "role": "customer",
            "start_s": 39.0,
            "end_s": 72.0,
            "fired_at_s": 42.0,
            "peak": 0.9,
            "needs_review": False,
            "is_inhibited": False,
        }
        for key in (3, 4)
    ]


def _repeats() -> tuple[sa.Table, list[dict[str, Any]]]:
    """Call 4 is by the customer of call 1, not quite seven days later; 7 has no number."""
    rows = []
    for call in CALLS:
        key = call[0]
        known = key != 7
        row: dict[str, Any] = {
            "customer_hash": f"{1 if key in (1, 4) else key:064x}" if known else None,
            "is_repeat": key == 4 if known else None,
            "repeat_of_call_key": 1 if key == 4 else None,
            "repeat_topic_key": 1 if key == 4 else None,
            "repeat_after_s": 7 * 86400.0 - 900 if key == 4 else None,
            "repeat_after_workdays": 5 if key == 4 else None,
            "repeated_within_7d": key == 1 if key < 4 else None,
            "chain_call_key": (1 if key == 4 else key) if known else None,
            "chain_position": (2 if key == 4 else 1) if known else None,
            "chain_length": (2 if key == 4 else 1) if known else None,
        }
        rows.append(_call(key) | row)
    return t.fact_repeat_contact, rows


def _quarters() -> list[dict[str, Any]]:
    return [
        _call(4)
        | {
            "channel": 1,
            "quarter": quarter,
            "role": "customer",
            "start_s": 20.0 * quarter - 20,
            "end_s": 20.0 * quarter,
            "labelled_s": 8.0,
            "negative_s": negative,
            "negative_share": negative / 8,
        }
        for quarter, negative in ((1, 0.0), (2, 0.0), (3, 8.0), (4, 8.0))
    ]


def _queue_days() -> list[dict[str, Any]]:
    rows = []
    for day in DAYS:
        for queue in (1, 2):
            own = [call for call in CALLS if call[1] == day and call[4] == queue]
            if not own:
                continue
            judged = [call for call in own if call[6] is not None]
            unhappy = sum(bool(call[6]) for call in judged)
            missed = sum(call[8][0] for call in own)
            applicable = sum(call[8][1] for call in own)
            rows.append(
                {
                    "date_key": date_key(day),
                    "queue_key": queue,
                    "calls": len(own),
                    "agents": len({call[3] for call in own}),
                    "conversation_s": 80.0 * len(own),
                    "silence_s": 12.0 * len(own),
                    "silence_share": 0.15,
                    "calls_judged": len(judged),
                    "calls_unhappy": unhappy,
                    "unhappy_share": unhappy / len(judged) if judged else None,
                    "script_applicable": applicable,
                    "script_missed": missed,
                    "script_miss_share": missed / applicable if applicable else None,
                }
            )
    return rows


def _agent_days() -> list[dict[str, Any]]:
    return [
        {
            "date_key": date_key(DAY),
            "agent_key": agent,
            "queue_key": 1,
            "measure": "unhappy",
            "calls": calls,
            "events": events,
            "n": n,
            "n_events": n_events,
            "raw": n_events / n,
            "wilson_lo": 0.1,
            "wilson_hi": 0.5,
            "expected": 0.15,
            "shrunk": shrunk,
            "lo": 0.12,
            "hi": 0.4,
            "p_worse_than_queue": p_worse,
            "finding": finding,
        }
        for agent, calls, events, n, n_events, shrunk, p_worse, finding in (
            (1, 2, 1, 40, 16, 0.33, 0.99, "worse"),
            (2, 1, 0, 12, 2, 0.16, 0.6, None),
        )
    ]


def _spikes() -> list[dict[str, Any]]:
    return [
        {
            "date_key": date_key(DAY),
            "topic": topic,
            "state": state,
            "calls": calls,
            "calls_all": 4,
            "agents": 2,
            "days": days,
            "expected": expected,
            "ratio": None if expected is None else calls / expected,
            "p_value": None if expected is None else 0.001,
            "q_value": None if expected is None else 0.004,
        }
        for topic, state, calls, days, expected in (
            ("退费", "spike", 3, 40, 1.0),
            ("理财产品", "too_young", 1, 3, None),
        )
    ]


def _keywords() -> list[dict[str, Any]]:
    return [
        {
            "date_key": date_key(day),
            "queue_key": 1,
            "role": "customer",
            "term": term,
            "calls": calls,
            "calls_all": 3,
            "agents": 2,
            "occurrences": 2 * calls,
            "share": calls / 3,
        }
        for day, term, calls in ((DAY, "退费", 3), (DAY, "合同", 1), (DAY_BEFORE, "退费", 1))
    ]


def _contrast() -> dict[str, Any]:
    return {
        "date_key": date_key(DAY),
        "queue_key": 1,
        "role": "customer",
        "term": "骗人",
        "unhappy_with": 20,
        "unhappy_calls": 60,
        "other_with": 10,
        "other_calls": 400,
        "agents": 6,
        "odds_ratio": 4.2,
        "z": 5.1,
        "q_value": 0.001,
    }


def _policy_point() -> dict[str, Any]:
    return {
        "date_key": date_key(DAY),
        "topic": "退费",
        "queue_key": 1,
        "agent_key": 1,
        "point": "到账时间",
        "n": 40,
        "n_events": 20,
        "raw": 0.5,
        "wilson_lo": 0.35,
        "wilson_hi": 0.65,
        "expected": 0.2,
        "shrunk": 0.45,
        "lo": 0.32,
        "hi": 0.58,
        "p_worse_than_queue": 0.999,
        "finding": "worse",
        "omitted_recording_id": f"{4:032x}",
        "omitted_topic_s": 8.0,
    }
