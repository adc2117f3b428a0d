"""`callqa serve`: REST beside Dagster."""

from __future__ import annotations

from typing import Annotated

import typer

from callqa_assets.cli.options import HomeOption, WarehouseOption, read_settings

app = typer.Typer()


@app.command()
def serve(
    listen: Annotated[
        str, typer.Option("--listen", help="Address of the API.", metavar="HOST:PORT")
    ] = "127.0.0.1:8080",
    ui: Annotated[
        str,
        typer.Option(
            "--ui", help="A second address of the same API, that of a page.", metavar="HOST:PORT"
        ),
    ] = "127.0.0.1:7860",
    live: Annotated[
        bool, typer.Option("--live", help="Let the sources of configs/live.yaml stream calls.")
    ] = False,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Serve the API: send files, follow them, read and search what was said.

    It works beside Dagster on the same home: files that are sent become recordings like those of
    the drop folder. Stop it with Ctrl-C: files that it has accepted are processed by its next
    start. The home has to be ready (`callqa init`).
    """
    from callqa_assets.serving.json_log import log_as_json
    from callqa_assets.serving.server import serve as run
    from callqa_assets.serving.settings import parse_address

    addresses = [parse_address(listen), parse_address(ui)]
    log_as_json()
    run(read_settings(home, warehouse_url), addresses, live=live)
