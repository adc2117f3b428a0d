"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from resources.storage.home import Home

if TYPE_CHECKING:
    from callqa_assets.warehouse.database import Warehouse

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
    from callqa_assets.cli.home_setup import prepare_home
    from resources.speech_models.profiles import DEFAULT_PROFILE

    used = _name_home(home, warehouse_url)
    if profile is not None:
        os.environ["CALLQA_MODEL_PROFILE"] = profile
    prepare_home(
        used,
        os.environ.get("CALLQA_WAREHOUSE_URL") or used.database_url,
        os.environ.get("CALLQA_MODEL_PROFILE") or DEFAULT_PROFILE,
        switch=switch,
    )
    return used


def open_home(home: Path | None, warehouse_url: str | None) -> tuple[Home, Warehouse]:
    """The home and its warehouse as they are: nothing is created or brought up to date.

    Raises WarehouseError where there is none, or one of another version.
    """
    from callqa_assets.warehouse.database import WarehouseError, open_warehouse

    used = _name_home(home, warehouse_url)
    url = os.environ.get("CALLQA_WAREHOUSE_URL") or used.database_url
    # SQLite would create an empty database.
    if url == used.database_url and not (used.root / "callqa.db").exists():
        raise WarehouseError(f"{used.root} holds no calls yet: hear some with `callqa run`")
    return used, open_warehouse(url)


def _name_home(home: Path | None, warehouse_url: str | None) -> Home:
    """Write the two options into the environment."""
    if home is not None:
        os.environ["CALLQA_HOME"] = str(home.resolve())
        os.environ.pop("CALLQA_WAREHOUSE_URL", None)
    if warehouse_url is not None:
        os.environ["CALLQA_WAREHOUSE_URL"] = warehouse_url
    return Home.from_environment()
