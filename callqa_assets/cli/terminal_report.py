"""What `callqa run` and `callqa demo` print: progress, and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from callqa_assets.alerting.delivery import drain
from callqa_assets.cli.headless import HeadlessResult, process_drop_folder
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import alerts, recordings, stage_runs
from resources.notifier.notifier import load_notifier
from resources.notifier.receiver_config import ChannelsError
from resources.settings import Settings

_DELIVERY_BUDGET = timedelta(seconds=60)


def process_with_progress(
    console: Console, settings: Settings, *, copy: bool, force: bool = False
) -> HeadlessResult:
    """Process the drop folder with a bar for every stage of every day."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[tuple[str, str], Any] = {}

        def show(stage: str, day: str, done: int, total: int) -> None:
            if (stage, day) not in tasks:
                tasks[stage, day] = bars.add_task(f"{day} {stage}", total=total)
            bars.update(tasks[stage, day], completed=done, total=total)

        return process_drop_folder(settings, show, copy=copy, force=force)


def print_summary(console: Console, result: HeadlessResult, warehouse: Warehouse) -> None:
    """Recordings, work done and alerts of the days that were run."""
    for note in result.scan.notes:
        console.print(f"[yellow]metadata:[/] {note}", highlight=False)
    table = Table("day", "recordings", "quarantined", "duplicates", "failed stages", "alerts")
    with warehouse.read() as connection:
        for day in result.days:
            count = _counter(connection, recordings, day)
            failed = _counter(connection, stage_runs, day)(stage_runs.c.status == "failed")
            in_force = _counter(connection, alerts, day)(alerts.c.superseded_at.is_(None))
            numbers = (
                count(recordings.c.status == "ok"),
                count(recordings.c.status == "quarantined"),
                count(recordings.c.status == "duplicate"),
                failed,
                in_force,
            )
            table.add_row(day, *map(str, numbers))
        computed = _computed(connection, result.run_ids)
    console.print(table)
    console.print(
        ", ".join(f"{stage}: {count} computed" for stage, count in computed)
        or "nothing was pending: every stage is up to date"
    )
    for run_id, cause in result.failed_runs.items():
        console.print(f"[bold red]run {run_id[:8]} failed[/]", cause, highlight=False)


def deliver_with_report(console: Console, settings: Settings) -> None:
    """Deliver what is due. What cannot be delivered is shown and waits; the run does not fail."""
    try:
        notifier = load_notifier(settings.channels_file, settings.environment)
        report = drain(settings.open_warehouse(), notifier, budget=_DELIVERY_BUDGET)
    except ChannelsError as error:
        console.print(f"alerts wait: {error}", markup=False, highlight=False, soft_wrap=True)
        return
    if report.receivers:
        console.print(f"alerts: {report}", markup=False, highlight=False, soft_wrap=True)


def _counter(connection: sa.Connection, table: sa.Table, day: str):
    def count(condition: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(table.c.day == day, condition)
        return connection.execute(query).scalar_one()

    return count


def _computed(connection: sa.Connection, run_ids: Sequence[str]) -> list[tuple[str, int]]:
    """Recordings whose stored rows these runs computed, by stage."""
    query = (
        sa.select(stage_runs.c.stage, sa.func.count())
        .where(stage_runs.c.run_id.in_(run_ids), stage_runs.c.status == "ok")
        .group_by(stage_runs.c.stage)
    )
    return [(stage, count) for stage, count in connection.execute(query)]
