"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resources.home import Home

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
