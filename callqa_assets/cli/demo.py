"""`callqa demo`: process the sample calls and print what was found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

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
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import (
    alert_deliveries,
    alerts,
    emotion_spans,
    recordings,
    transcripts,
)
from resources.settings import Settings
from resources.storage.home import REPO, Home

SAMPLES = REPO / "data" / "samples"
DATED = {"walk_in.flac": datetime(2025, 3, 16, 14, 20, tzinfo=DEFAULT_CALENDAR.zone)}
"""Git keeps no file dates, and this call has no other source of its start."""

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
        "the same in Dagster's UI: make dev HOME_DIR=data/demo, then http://127.0.0.1:3000\n"
        "other rules, tried on these calls: edit a copy of configs/alert_rules_compact.yaml, then\n"
        f"  callqa rules diff --rules COPY --from 2025-03-14 --to 2025-03-16 --home {home.root}\n"
        "your own recordings: callqa run --drop FOLDER --home FOLDER --copy",
        soft_wrap=True,
        highlight=False,
    )
