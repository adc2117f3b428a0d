"""What `callqa run` and `callqa demo` print: progress, and a summary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from callqa_assets.alerting.delivery import drain
from callqa_assets.cli.headless import FailedCheck, HeadlessResult, process_drop_folder
from callqa_assets.cli.run_report import NamedReason, RunReport
from callqa_assets.cli.stop_signals import StopSignals
from resources.notifier.notifier import load_notifier
from resources.notifier.receiver_config import ChannelsError
from resources.settings import Settings

_DELIVERY_BUDGET = timedelta(seconds=60)


def process_with_progress(
    console: Console,
    settings: Settings,
    stop: StopSignals,
    *,
    copy: bool,
    force: bool = False,
) -> HeadlessResult:
    """Process the drop folder with a bar for every stage of every day. Raises StoppedError."""
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

        return process_drop_folder(settings, show, copy=copy, force=force, stop=stop)


_LONGEST = 10
"""Lines shown of a list; the tables and `--json` have all of it."""


def print_report(console: Console, report: RunReport) -> None:
    """Counts of the days, then what failed, what was left out, what is doubtful."""
    table = Table("day", "recordings", "quarantined", "duplicates", "given up", "alerts")
    for day in report.days:
        table.add_row(*(str(value) for value in astuple(day)))
    console.print(table)
    console.print(
        ", ".join(f"{stage}: {count} computed" for stage, count in report.computed.items())
        or "nothing was pending: every stage is up to date"
    )
    errors = [check for check in report.failed_checks if check.severity == "ERROR"]
    warnings = [check for check in report.failed_checks if check.severity != "ERROR"]
    runs = [f"{run_id[:8]}: {cause}" for run_id, cause in report.failed_runs.items()]
    _print_list(console, "red", "failed runs", runs)
    _print_list(console, "red", "failed checks", map(_describe, errors))
    _print_list(console, "red", "given up", map(_name, report.given_up))
    _print_list(console, "red", "quarantined by this run", map(_name, report.quarantined))
    _print_list(console, "red", "not readable now, tried again next time", report.problems)
    _print_list(
        console,
        "red" if report.left_out else "yellow",
        f"drop folder, {report.left_out} left out" if report.left_out else "drop folder",
        report.scan_notes,
    )
    _print_list(console, "yellow", "warnings of checks", map(_describe, warnings))
    dates = [f"{day}: {count}" for day, count in report.guessed_dates.items()]
    _print_list(console, "yellow", "recordings dated only by their file or arrival", dates)
    _print_list(console, "yellow", "read, but not as it should be", map(_name, report.file_notes))
    _print_list(console, "yellow", "facts of calls", map(_name, report.metadata_notes))
    noted = [f"{note}: {count}" for note, count in report.stage_notes.items()]
    _print_list(console, "yellow", "recordings with notes in the table stage_notes", noted)


def _describe(check: FailedCheck) -> str:
    return f"{check.asset}.{check.check}: {check.description}"


def _name(named: NamedReason) -> str:
    return f"{named.file}: {named.reason}"


def _print_list(console: Console, color: str, title: str, lines: Iterable[str]) -> None:
    """A titled list; nothing where it is empty."""
    lines = list(lines)
    if not lines:
        return
    console.print(f"[{color}]{title}[/]", highlight=False)
    for line in lines[:_LONGEST]:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    if len(lines) > _LONGEST:
        console.print(f"  and {len(lines) - _LONGEST} more; --json has all", highlight=False)


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
