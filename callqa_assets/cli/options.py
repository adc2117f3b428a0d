"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from resources.settings import Settings

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


def prepare_settings(
    home: Path | None,
    profile: str | None,
    warehouse_url: str | None,
    *,
    switch: bool,
    drop: Path | None = None,
    rules: Path | None = None,
    to_rebuild: bool = False,
) -> Settings:
    """The environment's settings with these options, and the home prepared for them."""
    from callqa_assets.cli.home_setup import prepare_home

    settings = Settings.from_environment(
        home=home, profile=profile, warehouse_url=warehouse_url, drop=drop, rules=rules
    )
    prepare_home(settings, switch=switch, to_rebuild=to_rebuild)
    return settings


def read_settings(home: Path | None = None, warehouse_url: str | None = None) -> Settings:
    """The environment's settings with these options; nothing is created or brought up to date."""
    return Settings.from_environment(home=home, warehouse_url=warehouse_url)
