"""The report of a day as a file."""

from __future__ import annotations

from pathlib import Path

from callqa_assets.marts.report.page import render_page
from callqa_assets.marts.report.reading import read_daily_report
from callqa_assets.warehouse.database import Warehouse
from resources.storage.atomic import write_atomically
from resources.storage.home import Home


def write_report(
    warehouse: Warehouse, home: Home, day: str, language: str, path: Path | None = None
) -> Path:
    """Write a published day's page, by default to the home's `reports/DAY.html`; returns its path.

    Raises ReportError where the day is not published.
    """
    with warehouse.read() as connection:
        content = read_daily_report(connection, day, home.calendar)
    path = path or home.reports / f"{day}.html"
    with write_atomically(path) as file:
        file.write(render_page(content, language).encode())
    return path
