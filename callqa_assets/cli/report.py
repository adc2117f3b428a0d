"""`callqa report`: the page of a published day."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer()


class Language(StrEnum):
    """Of the page."""

    ZH = "zh"
    EN = "en"


@app.command()
def report(
    day: Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="A published day.")],
    language: Annotated[
        Language, typer.Option("--language", help="Language of the page.")
    ] = Language.ZH,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write [default: reports/DAY.html in the home].",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Write the report of a day: one HTML file that needs no network, to be opened, sent, printed.

    Figures beside those of the day before and the mean of the 4 weeks before, calls by hour and
    queue, top alerts with a picture of each call, topic spikes, script misses, words of unhappy
    calls, repeat contacts, and what is missing or not known. Personal data in texts is masked.
    """
    from callqa_assets.marts.report.writing import write_report

    settings = read_settings(home, warehouse_url)
    path = write_report(
        settings.open_warehouse(), settings.home, f"{day:%Y-%m-%d}", language.value, out
    )
    console.print(f"written to {path}", markup=False, soft_wrap=True)
