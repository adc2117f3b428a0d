"""`callqa demo`: process the sample calls and print what was found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from callqa_assets.cli.run_report import read_report
from callqa_assets.cli.stop_signals import StopSignals
from callqa_assets.cli.terminal_report import print_report, process_with_progress
from callqa_assets.domain.days import DEFAULT_CALENDAR, Calendar
from callqa_assets.domain.emotion.timeline import emotion_timeline_text
from callqa_assets.domain.statistics.spikes import TopicHistory, judge_topics
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.search import SearchFilter, find
from callqa_assets.warehouse.search_snippets import read_snippets
from callqa_assets.warehouse.tables import (
    alert_deliveries,
    alerts,
    dim_topic,
    emotion_spans,
    fact_call,
    fact_repeat_contact,
    recordings,
    script_checks,
    transcripts,
)
from resources.settings import Settings
from resources.storage.home import REPO, Home

SAMPLES = REPO / "data" / "samples"
DATED = {"walk_in.flac": datetime(2025, 3, 16, 14, 20, tzinfo=DEFAULT_CALENDAR.zone)}
"""Git keeps no file dates, and this call has no other source of its start."""

NO_SECRET = b"the demo's customers are invented"
"""Stands in for CALLQA_CUSTOMER_KEY, so that calls of one customer are found."""
SEARCHED = "退费"

QUERIES = (
    (
        "who asked for a refund",
        "SELECT r.day, r.agent_id, t.start_s, t.text FROM transcripts t "
        "JOIN recordings r USING (recording_id) WHERE t.text LIKE '%退%';",
    ),
    (
        "how customers sounded, day by day, in seconds",
        "SELECT day, emotion, CAST(SUM(end_s - start_s) AS INTEGER) AS seconds FROM emotion_spans "
        "WHERE role = 'customer' GROUP BY day, emotion ORDER BY day, seconds DESC;",
    ),
    (
        "alerts in force with their agent",
        "SELECT a.day, a.rule, a.priority, r.agent_id, a.started_s, a.ended_s FROM alerts a "
        "JOIN recordings r USING (recording_id) WHERE a.superseded_at IS NULL;",
    ),
)


def show_demo(console: Console, settings: Settings, stop: StopSignals) -> int:
    """Process the sample calls, the late one last; returns the number of failed runs."""
    settings = replace(settings, customer_key=settings.customer_key or NO_SECRET)
    warehouse = settings.open_warehouse()
    failed = 0
    for folder, words in (
        ("calls", "The drop folder of three days"),
        ("late", "A recording that arrives late, for the first of the three days"),
    ):
        console.print(Rule(words, align="left"))
        _deliver(SAMPLES / folder, settings.drop)
        result = process_with_progress(console, settings, stop, copy=True)
        print_report(console, read_report(result, warehouse))
        failed += len(result.failed_runs)
    _show_calls(console, warehouse, settings.home.calendar)
    _show_alerts(console, warehouse)
    _show_search(console, warehouse)
    _show_script_breaches(console, warehouse)
    _show_repeats(console, warehouse)
    _show_simulated_spike(console)
    _show_quarantine(console, warehouse)
    _show_what_next(console, settings.home)
    return failed


def _deliver(source: Path, drop: Path) -> None:
    """Copy what is not there yet, dates included."""
    drop.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        target = drop / file.name
        if not target.exists():
            shutil.copy2(file, target)
            if file.name in DATED:
                seconds = DATED[file.name].timestamp()
                os.utime(target, (seconds, seconds))


def _show_calls(console: Console, warehouse: Warehouse, calendar: Calendar) -> None:
    console.print(Rule("Transcripts", align="left"))
    query = sa.select(recordings).where(recordings.c.status == "ok")
    with warehouse.read() as connection:
        for call in connection.execute(query.order_by(recordings.c.started_at)):
            started = calendar.localize(call.started_at)
            console.print(
                f"[bold]{started:%Y-%m-%d %H:%M}[/] {call.source_name}  agent "
                f"{call.agent_id or '–'}, queue {call.queue or '–'}, {call.duration_s:.0f} s, "
                f"dated by {call.time_source}",
                highlight=False,
            )
            segments = sa.select(transcripts).where(
                transcripts.c.recording_id == call.recording_id, transcripts.c.text != ""
            )
            for row in connection.execute(segments.order_by(transcripts.c.start_s)):
                console.print(f"  {row.start_s:6.1f} s  {row.role:<8}  {row.text}", highlight=False)


def _show_alerts(console: Console, warehouse: Warehouse) -> None:
    console.print(Rule("Alerts", align="left"))
    with warehouse.read() as connection:
        in_force = connection.execute(
            sa.select(alerts, recordings.c.source_name)
            .join(recordings, recordings.c.recording_id == alerts.c.recording_id)
            .where(alerts.c.superseded_at.is_(None))
            .order_by(alerts.c.day, alerts.c.recording_id, alerts.c.started_s)
        ).all()
        for alert in in_force:
            console.print(
                f"[bold red]{alert.rule}[/] {alert.priority}  {alert.source_name}, {alert.role}, "
                f"{alert.started_s:.1f}–{alert.ended_s:.1f} s",
                highlight=False,
            )
            for segment in alert.evidence["said"]:
                if segment["text"]:
                    console.print(f"  text: {segment['text']}", highlight=False)
            spans = connection.execute(
                sa.select(
                    emotion_spans.c.start_s,
                    emotion_spans.c.end_s,
                    emotion_spans.c.emotion,
                    emotion_spans.c.confidence,
                ).where(
                    emotion_spans.c.recording_id == alert.recording_id,
                    emotion_spans.c.channel == alert.channel,
                )
            ).all()
            console.print(f"  timeline: {emotion_timeline_text(_frame(spans))}", highlight=False)
            deliveries = connection.execute(
                sa.select(alert_deliveries).where(alert_deliveries.c.alert_id == alert.alert_id)
            ).all()
            for row in deliveries:
                why = f" ({row.suppressed_because})" if row.suppressed_because else ""
                console.print(f"  {row.receiver}: {row.status}{why}", highlight=False)
    if not in_force:
        console.print("none")


def _frame(rows: Sequence[Any]) -> pl.DataFrame:
    return pl.DataFrame([dict(row._mapping) for row in rows])


def _show_search(console: Console, warehouse: Warehouse) -> None:
    console.print(Rule(f"callqa search {SEARCHED}", align="left"))
    with warehouse.read() as connection:
        found = find(connection, SEARCHED, SearchFilter(), limit=10)
        for call in read_snippets(connection, found.calls, SEARCHED):
            for hit in call["hits"]:
                console.print(
                    f"  {call['day']} {call['source_name']}  {hit['start_s']:6.1f} s  "
                    f"{hit['role']:<8}  {hit['snippet']}",
                    highlight=False,
                    soft_wrap=True,
                )


def _show_script_breaches(console: Console, warehouse: Warehouse) -> None:
    console.print(Rule("Scripts: what agents left out, or must never say", align="left"))
    query = (
        sa.select(script_checks, recordings.c.source_name, recordings.c.agent_id)
        .join(recordings, recordings.c.recording_id == script_checks.c.recording_id)
        .where(script_checks.c.outcome.in_(("missed", "forbidden")))
        .order_by(recordings.c.started_at, script_checks.c.item)
    )
    with warehouse.read() as connection:
        for row in connection.execute(query):
            said = f", {row.start_s:.1f} s: {row.matched_text}" if row.matched_text else ""
            console.print(
                f"  {row.source_name}, agent {row.agent_id}: {row.item} {row.outcome}{said}",
                highlight=False,
            )


def _show_repeats(console: Console, warehouse: Warehouse) -> None:
    console.print(Rule("Customers who called again about the same within 7 days", align="left"))
    earlier, repeat = fact_call.alias(), fact_call.alias()
    query = (
        sa.select(
            repeat.c.call_day,
            repeat.c.started_local,
            earlier.c.started_local.label("earlier_local"),
            dim_topic.c.topic,
            fact_repeat_contact.c.chain_position,
        )
        .select_from(fact_repeat_contact)
        .join(repeat, repeat.c.call_key == fact_repeat_contact.c.call_key)
        .join(earlier, earlier.c.call_key == fact_repeat_contact.c.repeat_of_call_key)
        .join(dim_topic, dim_topic.c.topic_key == fact_repeat_contact.c.repeat_topic_key)
        .where(fact_repeat_contact.c.is_repeat)
        .order_by(repeat.c.started_local)
    )
    with warehouse.read() as connection:
        for row in connection.execute(query):
            console.print(
                f"  {row.started_local:%Y-%m-%d %H:%M} after {row.earlier_local:%Y-%m-%d %H:%M}: "
                f"{row.topic}, contact {row.chain_position} of the chain",
                highlight=False,
            )


def _show_simulated_spike(console: Console) -> None:
    """A spike needs a history of weeks, which three days of samples are not."""
    console.print(Rule("A topic spike, on simulated days: 56 days of made-up counts", align="left"))
    random = np.random.default_rng(7)
    usual = {"退费": 0.02, "信用卡还款": 0.05, "开户流程": 0.01, "利率调整": 0.008}
    totals = [int(total) for total in random.poisson(400, 57)]
    histories = []
    for topic, share in usual.items():
        counts = [int(random.poisson(share * total)) for total in totals]
        today = 3 * counts[-1] + 12 if topic == "退费" else counts[-1]
        histories.append(
            TopicHistory(
                topic, today, totals[-1], 12, counts[:-1], totals[:-1], [n % 7 for n in range(56)]
            )
        )
    for history, finding in zip(histories, judge_topics(histories, 56 % 7), strict=True):
        expected = "" if finding.expected is None else f", {finding.expected:.1f} expected"
        console.print(
            f"  {history.topic}: {history.calls} calls{expected}: {finding.state}", highlight=False
        )


def _show_quarantine(console: Console, warehouse: Warehouse) -> None:
    console.print(Rule("Quarantine: kept, not processed", align="left"))
    table = Table("file", "why", box=None)
    query = sa.select(recordings).where(recordings.c.status == "quarantined")
    with warehouse.read() as connection:
        for row in connection.execute(query.order_by(recordings.c.source_name)):
            table.add_row(row.source_name, row.reason)
    console.print(table)


def _show_what_next(console: Console, home: Home) -> None:
    console.print(Rule("Next steps", align="left"))
    database = home.database
    console.print(f"tables: {database} (SQLite), for example", soft_wrap=True, highlight=False)
    for purpose, query in QUERIES:
        console.print(f"  -- {purpose}\n  {query}", soft_wrap=True, highlight=False)
    console.print(
        f"a page for each day: {home.reports}; tables as files: callqa export --home {home.root}; "
        "more questions: docs/questions.md\n"
        f"the same calls in a browser: callqa serve --home {home.root}, then http://127.0.0.1:7860\n"
        "the same in Dagster's UI: make dev HOME_DIR=data/demo, then http://127.0.0.1:3000\n"
        "other rules, tried on these calls: edit a copy of configs/alert_rules_compact.yaml, then\n"
        f"  callqa rules diff --rules COPY --from 2025-03-14 --to 2025-03-16 --home {home.root}\n"
        "your own recordings: callqa run --drop FOLDER --home FOLDER --copy",
        soft_wrap=True,
        highlight=False,
    )
