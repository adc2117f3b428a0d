"""`callqa rebuild`: the warehouse's recordings again, from the archive."""

from __future__ import annotations

import typer

from callqa_assets.cli.options import (
    HomeOption,
    ProfileOption,
    WarehouseOption,
    console,
    prepare_settings,
)

app = typer.Typer()

_SHOWN = 10


@app.command()
def rebuild(
    home: HomeOption = None,
    profile: ProfileOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Make the recordings of a lost or emptied warehouse again from the archive.

    Rows that are there stay. `callqa run` then computes everything else. Exit status 1 where an
    archived file could not be restored.
    """
    from callqa_assets.ingestion.rebuilding import rebuild
    from resources.storage.pairing import pair, require_same_home

    settings = prepare_settings(home, profile, warehouse_url, switch=False, to_rebuild=True)
    warehouse = settings.open_warehouse()
    require_same_home(settings.home, warehouse)
    report = rebuild(warehouse, settings.home)
    with settings.home.lock("init"):
        pair(settings.home, warehouse)
    console.print(f"{report.restored} recordings restored, {report.known} were there already")
    for problem in report.problems[:_SHOWN]:
        console.print(f"not restored: {problem}", soft_wrap=True, markup=False)
    if (more := len(report.problems) - _SHOWN) > 0:
        console.print(f"not restored: {more} more")
    if report.restored:
        console.print("next: `callqa run` computes texts, emotions and alerts again")
    if report.problems:
        raise typer.Exit(1)
