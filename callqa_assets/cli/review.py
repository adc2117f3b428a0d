"""`callqa review …`: people review alerts; the resulting precision of each rule."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Column, Table

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Review alerts as true or false alarms; show the precision of the rules.",
)

_ID_SHOWN = 8


class Verdict(StrEnum):
    """What a reviewer may decide about an alert."""

    TRUE = "true"
    FALSE = "false"


@app.command("list")
def list_waiting(
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="Only this day.")
    ] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only this rule.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many.")] = 20,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Show alerts that wait for review: id, moment, rule, call and text.

    High priority comes first, then the newest day.
    """
    from callqa_assets.warehouse.reviews import read_waiting

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.read() as connection:
        waiting = read_waiting(
            connection, day=f"{day:%Y-%m-%d}" if day else None, rule=rule, limit=limit
        )
    for alert in waiting:
        call = f"call {alert.call_id}, " if alert.call_id else ""
        lines = (
            f"{alert.alert_id[:_ID_SHOWN]}  {alert.day}  {alert.rule}  {alert.priority}  "
            f"{alert.role} {alert.started_s:.1f}–{alert.ended_s:.1f} s  peak {alert.peak:.2f}",
            f"          {call}agent {alert.agent_id or '?'}, queue {alert.queue or '?'}, "
            f"{alert.source_name}",
            f"          {alert.text or '(no text)'}",
        )
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if not waiting:
        console.print("no alert waits for a review")


@app.command()
def decide(
    alert: Annotated[
        str, typer.Argument(help="The alert's id, or an unambiguous beginning of it.")
    ],
    verdict: Annotated[Verdict, typer.Argument(help="Was the alarm right?")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who decides.")],
    note: Annotated[str | None, typer.Option("--note", help="Why.")] = None,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Record whether an alert was a true or a false alarm.

    Any alert can be reviewed, not only those that wait. Several reviewers may decide; the latest
    decision of each counts.
    """
    from callqa_assets.warehouse import reviews

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.write() as connection:
        alert_id = reviews.find_alert(connection, alert)
        reviews.decide(
            connection,
            alert_id,
            is_true_alarm=verdict is Verdict.TRUE,
            reviewer=reviewer,
            note=note,
            now=datetime.now(UTC),
        )
    console.print(f"{alert_id}: {verdict.value} alarm", highlight=False)


@app.command()
def precision(home: HomeOption = None, warehouse_url: WarehouseOption = None) -> None:
    """Show the precision of each rule, from reviews of its alerts in force."""
    from callqa_assets.warehouse.reviews import read_rule_precision

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    columns = ("in force", "waiting", "decided", "true", "false", "precision", "95 %")
    table = Table(Column("rule", no_wrap=True), *columns, box=None)
    with warehouse.read() as connection:
        for row in read_rule_precision(connection):
            low, high = row.interval
            table.add_row(
                row.rule if row.mode == "live" else f"{row.rule} ({row.mode})",
                *map(str, (row.standing, row.waiting, row.decided)),
                *map(str, (row.true_alarms, row.false_alarms)),
                "–" if row.precision is None else f"{row.precision:.2f}",
                "–" if row.precision is None else f"{low:.2f}–{high:.2f}",
            )
    console.print(table)
