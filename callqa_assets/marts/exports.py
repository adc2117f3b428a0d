"""Exports: published tables of a day or several as files, with a manifest that proves them.

Only what is published is exported: tables whose text is masked, of days that `published_days` has.
All tables are read in one snapshot, so that they belong together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key, days_between
from callqa_assets.domain.errors import CallqaError
from callqa_assets.marts.export_files import FORMATS, TableFile, XlsxFile
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dictionary import name_type
from callqa_assets.warehouse.mart_days import SCHEMA_VERSION, Publication, read_publications
from callqa_assets.warehouse.tables import PUBLISHED_TABLES
from resources.storage.atomic import write_folder_atomically

MANIFEST = "manifest.json"
_ROWS_AT_ONCE = 10_000


class ExportError(CallqaError):
    """What is asked for cannot be exported; the message says why and what can be."""


@dataclass(frozen=True)
class ExportedFile:
    name: str
    bytes: int
    sha256: str
    cut_cells: int = 0
    """Texts that were longer than a cell of the format may be."""


@dataclass(frozen=True)
class ExportedTable:
    table: str
    rows: int
    files: tuple[ExportedFile, ...]


@dataclass(frozen=True)
class Export:
    """What was written, as the manifest has it."""

    folder: Path
    days: tuple[Publication, ...]
    days_not_published: tuple[str, ...]
    """Days of the range that are left out, because nothing of them is published."""
    tables: tuple[ExportedTable, ...]


def find_tables(names: Sequence[str]) -> list[sa.Table]:
    """Published tables by name; all of them where no name is given. Raises ExportError."""
    by_name = {table.name: table for table in PUBLISHED_TABLES}
    if unknown := [name for name in names if name not in by_name]:
        raise ExportError(
            f"{', '.join(unknown)}: no published table; only these are exported, as their text is "
            f"masked: {', '.join(by_name)}"
        )
    return [by_name[name] for name in names or by_name]


def find_formats(names: Sequence[str]) -> list[str]:
    """Formats by name; all of them where no name is given. Raises ExportError."""
    if unknown := [name for name in names if name not in FORMATS]:
        raise ExportError(f"{', '.join(unknown)}: no format; there are {', '.join(FORMATS)}")
    return list(names or FORMATS)


def name_folder(first: str, last: str) -> str:
    """Of the export of these days, below the folder of all exports."""
    return first if first == last else f"{first}_{last}"


def export_days(
    warehouse: Warehouse,
    first: str,
    last: str,
    folder: Path,
    *,
    tables: Sequence[sa.Table],
    formats: Sequence[str],
    now: datetime,
) -> Export:
    """Write the tables' rows of the days `first` to `last` into `folder`, which is replaced.

    Tables without days (dimensions) are written whole. Memory does not grow with the rows. Raises
    ExportError where no day of the range is published, OSError where the disk fails.
    """
    days = days_between(first, last)
    with _snapshot(warehouse) as connection:
        known = read_publications(connection, days)
        published = {day: state for day, state in known.items() if state.published_at}
        if not published:
            raise ExportError(_say_why_not(first, last, known))
        with write_folder_atomically(folder) as partial:
            written = tuple(
                _write_table(connection, table, sorted(published), partial, formats)
                for table in tables
            )
            export = Export(
                folder=folder,
                days=tuple(published[day] for day in sorted(published)),
                days_not_published=tuple(day for day in days if day not in published),
                tables=written,
            )
            manifest = _describe(export, tables, now)
            (partial / MANIFEST).write_text(
                json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", "utf-8"
            )
    return export


@contextmanager
def _snapshot(warehouse: Warehouse) -> Iterator[sa.Connection]:
    """A transaction whose queries all see one state: SQLite's do so anyway."""
    with warehouse.read() as connection:
        if not warehouse.is_sqlite:
            connection.execute(
                sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            )
        yield connection


def _say_why_not(first: str, last: str, known: dict[str, Publication]) -> str:
    asked = first if first == last else f"{first} to {last}"
    if reasons := [f"{day}: {state.reason}" for day, state in known.items() if state.reason]:
        return f"{asked}: not published, withheld ({'; '.join(reasons)})"
    return f"{asked}: not published; publish it first (`callqa publish --help`)"


def _write_table(
    connection: sa.Connection,
    table: sa.Table,
    days: Collection[str],
    folder: Path,
    formats: Sequence[str],
) -> ExportedTable:
    files = [FORMATS[name](folder, table) for name in formats]
    rows = 0
    for batch in _read(connection, table, days):
        for file in files:
            file.write(batch)
        rows += len(batch)
    for file in files:
        file.close()
    return ExportedTable(table.name, rows, tuple(_measure(file) for file in files))


def _read(
    connection: sa.Connection, table: sa.Table, days: Collection[str]
) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows of these days in batches, by the table's key; of a table without days all rows."""
    query = sa.select(*table.columns).order_by(*table.primary_key.columns)
    if "date_key" in table.c:
        query = query.where(table.c.date_key.in_([date_key(day) for day in days]))
    # Without these options PostgreSQL's driver would fetch the whole result first.
    options = {"stream_results": True, "yield_per": _ROWS_AT_ONCE}
    yield from connection.execute(query, execution_options=options).partitions()


def _measure(file: TableFile) -> ExportedFile:
    with file.path.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    cut_cells = file.cut_cells if isinstance(file, XlsxFile) else 0
    return ExportedFile(file.path.name, file.path.stat().st_size, sha256, cut_cells)


def _describe(export: Export, tables: Sequence[sa.Table], now: datetime) -> dict[str, Any]:
    return {
        "exported_at": _write_time(now),
        "schema_version": SCHEMA_VERSION,
        "days": [
            asdict(state) | {"published_at": _write_time(state.published_at)}
            for state in export.days
        ],
        "days_not_published": list(export.days_not_published),
        "tables": {
            written.table: {
                "meaning": table.comment,
                "rows": written.rows,
                "columns": [
                    {"name": column.name, "type": name_type(column), "meaning": column.comment}
                    for column in table.columns
                ],
                "files": [asdict(file) for file in written.files],
            }
            for table, written in zip(tables, export.tables, strict=True)
        },
    }


def _write_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
