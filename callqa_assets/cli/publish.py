"""`callqa publish`: the marts of days that changed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

import typer
from rich.progress import track

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer()

_DAY = ["%Y-%m-%d"]


@app.command()
def publish(
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="Only from this day on.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY, help="Only up to this day.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compute every mart of these days again.")
    ] = False,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Publish the days of which a mart is out of date, as the schedule does every morning.

    A day is replaced as a whole. One that may not be published keeps what was published before, and
    the reason is printed; exit status 1.
    """
    from callqa_assets.pipeline import Pipeline
    from callqa_assets.warehouse.changed_days import read_changes

    pipeline = Pipeline.open(read_settings(home, warehouse_url))
    publisher = pipeline.publisher()
    with publisher.warehouse.read() as connection:
        days = sorted(read_changes(connection)) if force else sorted(publisher.find_stale())
    chosen = [
        day
        for day in days
        if (first_day is None or day >= f"{first_day:%Y-%m-%d}")
        and (last_day is None or day <= f"{last_day:%Y-%m-%d}")
    ]
    run_id = f"publish-{uuid.uuid4().hex[:12]}"
    published: set[str] = set()
    withheld: dict[str, str] = {}
    reports = publisher.publish_days(chosen, run_id=run_id, force=force)
    for report in track(
        reports, "publishing", total=len(chosen), console=console, disable=not chosen
    ):
        if report.computed:
            published.add(report.day)
        if report.withheld:
            withheld[report.day] = report.withheld
    for day, reason in withheld.items():
        console.print(f"{day} is withheld: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{len(published)} days published" if chosen else "every day is published as it is",
        highlight=False,
    )
    if withheld:
        raise typer.Exit(1)
