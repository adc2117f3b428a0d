"""What publishing a day costs: facts, queues and agents of 1,000 to 30,000 calls, on SQLite.

    python -m benchmarks.speed.marts [--calls 1000 3000 10000 30000]

prints Markdown for benchmarks/RESULTS.md. Each number of calls is a fresh warehouse with simulated
rows as the stages leave them: calls of two channels with 30 segments and their words, personal data
in one segment of 20, 2 topics, 8 items of scripts and 0.1 alerts a call; and for repeat contacts
as many calls on each of the 28 days before and the 7 after, a fifth of them of customers who call
often. One process fills it; another publishes the day, first into empty tables and then again.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks.support.fresh_process import run_in_fresh_process
from callqa_assets.domain.days import DEFAULT_CALENDAR, shift_day
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.marts import (
    agent_daily,
    alerts,
    calls,
    queue_daily,
    repeat_contacts,
    script_checks,
    segments,
    topic_hits,
)
from callqa_assets.marts.mart import Mart, MartContext
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.mart_days import replace_rows
from resources.storage.home import REPO

DAY = "2025-03-14"
AT_ONCE = 1_000
"""Calls that are made; the others of the day are their copies under other ids."""
SEGMENTS, PII_SHARE, SCRIPT_ITEMS, ALERTS_A_CALL = 30, 0.05, 8, 0.1
AGENTS, QUEUES, TOPICS = 500, 20, 60
MARTS: tuple[Mart, ...] = (
    calls.MART,
    segments.MART,
    topic_hits.MART,
    script_checks.MART,
    alerts.MART,
    repeat_contacts.MART,
    queue_daily.MART,
    agent_daily.MART,
)
SENTENCES = (
    "我的账单好像不太对麻烦你看一下",
    "请稍等我帮您查询一下这个号码",
    "好的谢谢你这个月的话费怎么多了二十块",
    "这边显示您上个月开通了一个新的套餐",
)
PHONE = "我的手机是13800138000"


@dataclass
class Cost:
    calls: int
    seconds: dict[str, float] = field(default_factory=dict)
    """By mart."""
    rows: dict[str, int] = field(default_factory=dict)
    commit_s: float = 0.0
    again_s: float = 0.0
    """All marts and the commit, over the rows of the first time."""
    base_mib: float = 0.0
    peak_mib: float = 0.0


def fill(url: str, calls_a_day: int) -> None:
    """The day's rows, and recordings and topics of the days around it."""
    warehouse = Warehouse(url)
    warehouse.migrate()
    rng = np.random.default_rng(9)
    made = min(calls_a_day, AT_ONCE)
    with warehouse.write() as connection:
        for table, rows in _make_day(rng, made).items():
            connection.execute(sa.insert(table), rows)
        for number in range(1, calls_a_day // made):
            _copy_calls(connection, f"{number:02x}")
        for number in range(-28, 8):
            if number:
                _copy_history(connection, number + 128, shift_day(DAY, number))
    warehouse.engine.dispose()


def _make_day(rng: np.random.Generator, number: int) -> dict[sa.Table, list[dict[str, Any]]]:
    ids = [f"00{rng.bytes(15).hex()}" for _ in range(number)]
    keys = [{"recording_id": recording_id, "day": DAY} for recording_id in ids]
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        tables.fingerprints: [
            {"fingerprint": s, "stage": s, "code_version": "1", "model_id": s, "params": {}}
            for s in STAGE_NAMES
        ],
        tables.recordings: [key | _recording(rng, key["recording_id"]) for key in keys],
        tables.stage_runs: [
            key
            | {"stage": s, "status": "ok", "fingerprint": s, "attempts": 1}
            | {"finished_at": datetime(2025, 3, 14, tzinfo=UTC)}
            for key in keys
            for s in STAGE_NAMES
        ],
    }
    for make in (_speech, _metrics, _findings):
        for key in keys:
            for table, row in make(rng):
                rows.setdefault(table, []).append(key | row)
    return rows


def _recording(rng: np.random.Generator, recording_id: str) -> dict[str, Any]:
    midnight = datetime(2025, 3, 13, 16, tzinfo=UTC)
    often = rng.random() < 0.2
    return {
        "content_sha256": recording_id * 2,
        "source_name": f"{recording_id}.wav",
        "started_at": midnight + timedelta(seconds=float(rng.uniform(0, 86_000))),
        "time_source": "sidecar",
        "agent_id": f"A{rng.integers(AGENTS)}",
        "customer_id": f"+86 138{rng.integers(1_000) if often else rng.integers(10**8):08}",
        "queue": f"Q{rng.integers(QUEUES)}",
        "channels": 2,
        "channel_roles": ["agent", "customer"],
        "sample_rate": 8_000,
        "duration_s": 180.0,
        "size_bytes": 1,
        "archive_path": "",
        "metadata": {},
        "metadata_version": "",
        "status": "ok",
        "legal_hold": False,
        "ingested_at": midnight,
        "run_id": "fill",
    }


def _speech(rng: np.random.Generator) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    for number in range(SEGMENTS):
        channel = number % 2
        key = {
            "channel": channel,
            "segment_no": number // 2,
            "role": ("agent", "customer")[channel],
            "start_s": 6.0 * number,
            "end_s": 6.0 * number + 4,
        }
        is_personal = rng.random() < PII_SHARE
        text = PHONE if is_personal else SENTENCES[rng.integers(len(SENTENCES))]
        words = [
            {"word": c, "start_s": 0.25 * n, "end_s": 0.25 * n + 0.2} for n, c in enumerate(text)
        ]
        yield (
            tables.transcripts,
            {
                **key,
                "language": "zh",
                "text_raw": text,
                "text": text,
                "alignment": [],
                "words": words,
                "confidence": 0.8,
                "doubtful_hotwords": [],
            },
        )
        yield (
            tables.emotion_scores,
            {**key, **dict.fromkeys(EMOTIONS, 0.1), "emotion": "neutral", "confidence": 0.2},
        )
        if is_personal:
            yield (
                tables.pii_spans,
                {
                    **key,
                    "span_no": 0,
                    "start_char": 5,
                    "end_char": 16,
                    "raw_start_char": 5,
                    "raw_end_char": 16,
                    "kind": "mobile",
                    "checked": False,
                    "confidence": "high",
                    "part": "whole",
                },
            )


def _metrics(rng: np.random.Generator) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    def values(table: sa.Table, **given: Any) -> tuple[sa.Table, dict[str, Any]]:
        numbers = {c.name: rng.integers(1, 9) for c in table.columns if c.name not in ("day",)}
        return table, {name: float(number) for name, number in numbers.items()} | given

    words = {"time_basis": "words", "final_emotion": "neutral"}
    yield _without_key(values(tables.call_metrics, **words))
    for channel, role in enumerate(("agent", "customer")):
        own = {"channel": channel, "role": role}
        yield _without_key(values(tables.call_channel_metrics, **own))
        for quarter in range(1, 5):
            yield _without_key(values(tables.call_quarters, **own, quarter=quarter))


def _without_key(made: tuple[sa.Table, dict[str, Any]]) -> tuple[sa.Table, dict[str, Any]]:
    table, row = made
    return table, {name: value for name, value in row.items() if name != "recording_id"}


def _findings(rng: np.random.Generator) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    words = {"channel": 1, "role": "customer", "start_s": 6.0, "end_s": 7.0}
    for number in range(2):
        topic = {"segment_no": 0, "hit_no": number, "topic": f"T{rng.integers(TOPICS)}"}
        yield tables.topic_hits, {**words, **topic, "text": "退费"}
    for number in range(SCRIPT_ITEMS):
        item = {"script": "service", "item": f"item{number}", "outcome": "passed", "reason": None}
        said = {"needs_review": False, "expected": "您好", "matched_text": "您好", "score": 100.0}
        yield tables.script_checks, {**words, **item, **said}
    if rng.random() < ALERTS_A_CALL:
        yield (
            tables.alerts,
            {
                "alert_id": f"00{rng.bytes(15).hex()}",
                "channel": 1,
                "role": "customer",
                "rule": f"rule{rng.integers(20)}",
                "rule_hash": "0",
                "priority": "high",
                "started_s": 1.0,
                "ended_s": 3.0,
                "fired_at_s": 2.0,
                "peak": 0.8,
                "mode": "live",
                "needs_review": False,
                "evidence": {},
                "created_at": datetime(2025, 3, 14, tzinfo=UTC),
            },
        )


_OF_A_CALL = (
    tables.recordings,
    tables.stage_runs,
    tables.transcripts,
    tables.emotion_scores,
    tables.pii_spans,
    tables.call_metrics,
    tables.call_channel_metrics,
    tables.call_quarters,
    tables.topic_hits,
    tables.script_checks,
    tables.alerts,
)


def _copy_calls(connection: sa.Connection, prefix: str) -> None:
    """The made calls of the day again, under ids with another prefix and with other customers."""
    for table in _OF_A_CALL:
        changed = {
            name: sa.literal(prefix) + sa.func.substr(table.c[name], 3)
            for name in ("recording_id", "content_sha256", "alert_id")
            if name in table.c
        }
        if "customer_id" in table.c:
            first, rest = (sa.func.substr(table.c.customer_id, *cut) for cut in ((1, 7), (10,)))
            changed["customer_id"] = first + f"{int(prefix, 16):02}" + rest
        _copy(connection, table, changed, sa.func.substr(table.c.recording_id, 1, 2) == "00")


def _copy_history(connection: sa.Connection, number: int, day: str) -> None:
    """The day's recordings and topics on another day; only who calls often calls again."""
    for table in (tables.recordings, tables.topic_hits):
        changed: dict[str, Any] = {
            name: f"{number:02x}" + table.c[name]
            for name in ("recording_id", "content_sha256")
            if name in table.c
        }
        changed = {name: sa.func.substr(value, 1, 32) for name, value in changed.items()}
        changed["day"] = sa.literal(day, table.c.day.type)
        if "customer_id" in table.c:
            first, rest = (sa.func.substr(table.c.customer_id, *cut) for cut in ((1, 5), (9,)))
            other = first + f"{number:03}" + rest
            calls_often = table.c.customer_id.like("+86 138__000%")
            changed["customer_id"] = sa.case((calls_often, table.c.customer_id), else_=other)
        _copy(connection, table, changed, table.c.day == DAY)


def _copy(connection: sa.Connection, table: sa.Table, changed: dict[str, Any], which: Any) -> None:
    columns = [changed.get(column.name, column).label(column.name) for column in table.c]
    copied = sa.select(*columns).where(table.c.day == DAY, which)
    connection.execute(sa.insert(table).from_select(list(table.c), copied))


def publish(url: str, calls_a_day: int) -> Cost:
    """Compute and store the day twice."""
    warehouse = Warehouse(url)
    cost = Cost(calls_a_day, base_mib=_peak_mib())
    began = time.perf_counter()
    _publish_day(warehouse, cost)
    cost.commit_s = time.perf_counter() - began - sum(cost.seconds.values())
    cost.peak_mib = _peak_mib()
    began = time.perf_counter()
    _publish_day(warehouse, Cost(calls_a_day))
    cost.again_s = time.perf_counter() - began
    return cost


def _publish_day(warehouse: Warehouse, cost: Cost) -> None:
    with warehouse.write() as connection:
        context = MartContext(connection, DEFAULT_CALENDAR, REPO / "configs", "2025-06-01", b"key")
        for mart in MARTS:
            began = time.perf_counter()
            rows = mart.compute(context, DAY)
            cost.rows[mart.name] = sum(
                replace_rows(connection, table, DAY, rows[table]) for table in mart.tables
            )
            cost.seconds[mart.name] = time.perf_counter() - began


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def evaluate(sizes: list[int]) -> str:
    """The tables, as Markdown."""
    costs = [_measure(calls_a_day) for calls_a_day in sizes]
    lines = [
        "| seconds | "
        + " | ".join(f"{cost.calls:,} calls" for cost in costs)
        + " | rows at most |",
        "|---|" + "---:|" * (len(costs) + 1),
    ]
    for mart in MARTS:
        seconds = " | ".join(f"{cost.seconds[mart.name]:.1f}" for cost in costs)
        lines.append(f"| `{mart.name}` | {seconds} | {costs[-1].rows[mart.name]:,} |")
    for what, name in (
        ("commit", "commit_s"),
        ("all of it again", "again_s"),
        ("MiB before", "base_mib"),
        ("MiB at most", "peak_mib"),
    ):
        values = " | ".join(f"{getattr(cost, name):,.1f}" for cost in costs)
        lines.append(f"| {what} | {values} | |")
    totals = " | ".join(f"{sum(c.seconds.values()) + c.commit_s:.1f}" for c in costs)
    lines.append(f"| **the day** | {totals} | |")
    return "\n".join(lines)


def _measure(calls_a_day: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'callqa.db'}"
        run_in_fresh_process(fill, url, calls_a_day)
        return run_in_fresh_process(publish, url, calls_a_day)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 3_000, 10_000, 30_000])
    print(evaluate(parser.parse_args().calls))


if __name__ == "__main__":
    main()
