"""`callqa export`: published tables as files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer()


@app.command()
def export(
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="This day only.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of a range.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of a range.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="A table; repeat it for several [default: all published]."),
    ] = None,
    file_format: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="csv, xlsx or parquet; repeat it for several [default: all]."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder to write, replaced as a whole [default: exports/DAY in the home].",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Write published tables of a day, or of a range of days, to files.

    callqa export --day 2025-03-14 --table fact_call --format xlsx

    xlsx is for Excel: ids and telephone numbers are text with all their digits, times are times,
    the sheet `columns` says what each column means; what is beyond 1,048,575 rows goes on on the
    next sheet. csv is for other programs (UTF-8 with byte order mark; a text that a spreadsheet
    would compute, such as =1+1, gets a ' in front); Excel cuts long digits of a csv. parquet is for
    polars, pandas, DuckDB, Spark.

    Only published days and tables whose text is masked are exported. manifest.json beside the files
    has their rows and SHA-256, when each day was published, and the days that are not. The folder
    appears when everything in it is written.
    """
    from callqa_assets.marts.exports import export_days, find_formats, find_tables, name_folder

    if day and (first or last):
        raise typer.BadParameter("give --day, or --from and --to")
    begin, end = day or first, day or last
    if not begin or not end:
        raise typer.BadParameter("give --day, or --from and --to, each YYYY-MM-DD")
    if begin > end:
        raise typer.BadParameter("--from is after --to")
    begins, ends = f"{begin:%Y-%m-%d}", f"{end:%Y-%m-%d}"
    tables, formats = find_tables(table or []), find_formats(file_format or [])
    settings = read_settings(home, warehouse_url)
    folder = out or settings.home.exports / name_folder(begins, ends)
    with settings.home.lock("exports"):
        written = export_days(
            settings.open_warehouse(),
            begins,
            ends,
            folder,
            tables=tables,
            formats=formats,
            now=datetime.now(UTC),
        )
    listed = Table("table", Column("rows", justify="right"), "files")
    for exported in written.tables:
        cut = sum(file.cut_cells for file in exported.files)
        files = ", ".join(file.name for file in exported.files)
        note = f" ({cut} texts cut: too long for a cell)" if cut else ""
        listed.add_row(exported.table, f"{exported.rows:,}", files + note)
    console.print(listed)
    for state in written.days:
        if state.reason:
            console.print(
                f"{state.day}: a newer state is withheld ({state.reason})",
                markup=False,
                soft_wrap=True,
            )
    if written.days_not_published:
        left_out = ", ".join(written.days_not_published)
        console.print(f"not published, left out: {left_out}", soft_wrap=True)
    console.print(f"written to {written.folder}", markup=False, soft_wrap=True)
