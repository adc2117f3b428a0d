"""`callqa init | run | demo | dev`: preparing a home and processing calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from callqa_assets.cli.options import (
    HomeOption,
    ProfileOption,
    SwitchOption,
    WarehouseOption,
    console,
    prepare_settings,
)
from callqa_assets.cli.stop_signals import watched
from resources.storage.home import REPO

app = typer.Typer()


@app.command()
def init(
    home: HomeOption = None,
    profile: ProfileOption = None,
    warehouse_url: WarehouseOption = None,
    switch: SwitchOption = False,
) -> None:
    """Create a home or bring it up to date: folders, database tables, Dagster's settings.

    Safe to repeat; every other command does it first.
    """
    settings = prepare_settings(home, profile, warehouse_url, switch=switch)
    console.print(
        f"home {settings.home.root} is ready; recordings go to {settings.drop}", soft_wrap=True
    )


@app.command()
def run(
    drop: Annotated[
        Path | None,
        typer.Option(
            "--drop",
            help="Folder of recordings [default: $CALLQA_DROP, else the home's drop/].",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    profile: ProfileOption = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Alert rules to use instead of the profile's own."),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Leave the recordings where they are.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Compute again what is up to date, too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; progress goes to stderr.")
    ] = False,
    no_deliver: Annotated[
        bool, typer.Option("--no-deliver", help="Leave alerts in the outbox; notify nobody yet.")
    ] = False,
    warehouse_url: WarehouseOption = None,
    switch: SwitchOption = False,
) -> None:
    """Process every recording of a drop folder now, without a server or daemon.

    Runs in this process, through Dagster; the runs appear in the UI like any other. After a kill
    at any point, the same command goes on where it stopped. At its end it says what failed, was
    left out, guessed or is doubtful. Exit status: 0 where nothing failed, 1 where a run, a check
    of severity ERROR or a recording failed, or a file was quarantined or left out.
    """
    with watched() as stop:
        from callqa_assets.cli.run_report import read_report
        from callqa_assets.cli.terminal_report import (
            deliver_with_report,
            print_report,
            process_with_progress,
        )

        settings = prepare_settings(
            home, profile, warehouse_url, switch=switch, drop=drop, rules=rules
        )
        told = Console(stderr=True) if as_json else console
        result = process_with_progress(told, settings, stop, copy=copy, force=force)
        warehouse = settings.open_warehouse()
        report = read_report(result, warehouse)
        if as_json:
            typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
        else:
            print_report(console, report)
        if not no_deliver:
            deliver_with_report(told, settings)
        told.print(f"tables: {warehouse.label}", soft_wrap=True)
        if report.has_failures:
            raise typer.Exit(1)


@app.command()
def demo(
    home: Annotated[
        Path,
        typer.Option(
            "--home",
            help="Home of the demo, apart from your own data [default: data/demo].",
            show_default=False,
        ),
    ] = REPO / "data" / "demo",
) -> None:
    """Process the sample calls and show what was found: text, emotions, alerts, quarantine."""
    from callqa_assets.cli.demo import show_demo

    with watched() as stop:
        settings = prepare_settings(home, None, None, switch=False, drop=home / "sample_calls")
        if show_demo(console, settings, stop):
            raise typer.Exit(1)


@app.command()
def dev(
    home: HomeOption = None,
    profile: ProfileOption = None,
    warehouse_url: WarehouseOption = None,
    switch: SwitchOption = False,
    port: Annotated[int, typer.Option("--port", help="Port of the UI on 127.0.0.1.")] = 3000,
) -> None:
    """Start Dagster's UI and daemon with the drop-folder sensor on; stop with Ctrl-C."""
    from callqa_assets.cli.dev_servers import run_servers

    settings = prepare_settings(home, profile, warehouse_url, switch=switch)
    console.print(
        f"drop recordings into {settings.drop}; the UI is at http://127.0.0.1:{port}",
        soft_wrap=True,
    )
    raise typer.Exit(run_servers(settings, port))
