"""Files that a table is exported to: CSV, XLSX, Parquet. Rows come in batches and are not kept.

CSV is for people and for programs that know nothing else. Excel turns long digits of a CSV into
numbers whatever is written (`4111111111111111111` becomes `4.11E+18`): for Excel there is XLSX, in
which text is text. Parquet is for programs.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
import xlsxwriter

from callqa_assets.warehouse.dictionary import name_type
from callqa_assets.warehouse.tables import UtcDateTime

Row = Sequence[Any]

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""A cell of a CSV that begins with one of these is computed, not shown, by spreadsheets (OWASP,
"CSV Injection"; the wide ones where the input method is Chinese or Japanese)."""

_POLARS_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "boolean": pl.Boolean,
    "integer": pl.Int64,
    "double": pl.Float64,
    "text": pl.String,
}


def find_schema(table: sa.Table) -> pl.Schema:
    """The columns of a mart as polars has them; times without a zone are local ones."""
    return pl.Schema({column.name: _polars_type(column) for column in table.columns})


def _polars_type(column: sa.Column[Any]) -> pl.DataType | type[pl.DataType]:
    if isinstance(column.type, UtcDateTime):
        return pl.Datetime("us", "UTC")
    if isinstance(column.type, sa.DateTime):
        return pl.Datetime("us")
    return _POLARS_TYPES[name_type(column).removesuffix(" or NULL")]


class TableFile(ABC):
    """A file that is being written; it is whole after `close`."""

    def __init__(self, folder: Path, table: sa.Table) -> None:
        self.path = folder / f"{table.name}.{self.suffix}"
        self.table = table
        self.schema = find_schema(table)

    suffix: str

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Append rows, whose values are in the order of the table's columns."""

    @abstractmethod
    def close(self) -> None:
        """End the file. A table without rows has its header all the same."""

    def _frame(self, rows: Sequence[Row]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema=self.schema, orient="row")


class CsvFile(TableFile):
    """UTF-8 with a byte order mark, without which Excel shows Chinese as rubbish.

    Text is quoted, so that programs that heed quotes keep the zeros in front of an id; NULL is
    empty and `""` is an empty text. A text that a spreadsheet would compute gets a `'` in front.
    Times are written to the second.
    """

    suffix = "csv"

    def __init__(self, folder: Path, table: sa.Table) -> None:
        super().__init__(folder, table)
        self._file = self.path.open("xb")
        self._frame([]).write_csv(self._file, include_bom=True)

    def write(self, rows: Sequence[Row]) -> None:
        text = pl.col(pl.String)
        computed = text.str.slice(0, 1).is_in(list(FORMULA_STARTS))
        escaped = pl.when(computed).then(pl.lit("'") + text).otherwise(text).name.keep()
        self._frame(rows).with_columns(escaped).write_csv(
            self._file,
            include_header=False,
            quote_style="non_numeric",
            datetime_format="%Y-%m-%d %H:%M:%S",
        )

    def close(self) -> None:
        self._file.close()


class ParquetFile(TableFile):
    """With the types of `find_schema`, compressed by zstd."""

    suffix = "parquet"

    def __init__(self, folder: Path, table: sa.Table) -> None:
        super().__init__(folder, table)
        self._parts = folder / f"{table.name}.parts"
        self._parts.mkdir()
        self._number = 0
        self.write([])

    def write(self, rows: Sequence[Row]) -> None:
        self._frame(rows).write_parquet(self._parts / f"{self._number:08d}.parquet")
        self._number += 1

    def close(self) -> None:
        # Batches would make a file of many small row groups, which are slow to read.
        pl.scan_parquet(self._parts / "*.parquet").sink_parquet(self.path)
        shutil.rmtree(self._parts)


@dataclass(frozen=True)
class SheetLimits:
    """Of Excel."""

    rows: int = 1_048_576
    """Of a sheet, its header included."""
    characters: int = 32_767
    """Of a cell."""


class XlsxFile(TableFile):
    """A workbook: the rows, and a sheet `columns` that says what the columns mean.

    Text is text, whatever it looks like: ids and telephone numbers keep all digits, nothing is a
    formula or a link. Times are Excel's. What does not fit on a sheet goes on on the next; a longer
    text than a cell may hold is cut and ends with `…`, see `cut_cells`.
    """

    suffix = "xlsx"

    def __init__(self, folder: Path, table: sa.Table, limits: SheetLimits = SheetLimits()) -> None:
        super().__init__(folder, table)
        self.cut_cells = 0
        self._limits = limits
        # constant_memory: a row is on the disk as soon as the next one begins.
        self._book = xlsxwriter.Workbook(
            self.path,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "nan_inf_to_errors": True,
            },
        )
        self._bold = self._book.add_format({"bold": True, "bottom": 1})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        text = self._book.add_format({"num_format": "@"})
        moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._formats = [
            text if kind == pl.String else moment if kind == pl.Datetime else None
            for kind in self.schema.dtypes()
        ]
        self._sheets = 0
        self._next_row = 0
        self._start_sheet()

    def _start_sheet(self) -> None:
        self._sheets += 1
        suffix = f"_{self._sheets}" if self._sheets > 1 else ""
        # A name has at most 31 characters.
        self._sheet = self._book.add_worksheet(f"{self.table.name[: 31 - len(suffix)]}{suffix}")
        for number, (name, style) in enumerate(zip(self.schema, self._formats, strict=True)):
            width = max(len(name) + 2, 20 if style else 10)
            self._sheet.set_column(number, number, width)
        self._sheet.write_row(0, 0, list(self.schema), self._bold)
        self._sheet.freeze_panes(1, 0)
        self._next_row = 1

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if self._next_row == self._limits.rows:
                self._start_sheet()
            for number, value in enumerate(row):
                self._write_cell(self._next_row, number, value)
            self._next_row += 1

    def _write_cell(self, row: int, column: int, value: Any) -> None:
        style = self._formats[column]
        if value is None:
            return
        if isinstance(value, str):
            if len(value) > self._limits.characters:
                value = value[: self._limits.characters - 1] + "…"
                self.cut_cells += 1
            self._sheet.write_string(row, column, value, style)
        elif isinstance(value, datetime):
            if value.tzinfo is not None:  # Excel has no time zones
                value = value.astimezone(UTC).replace(tzinfo=None)
            self._sheet.write_datetime(row, column, value, style)
        elif isinstance(value, bool):
            self._sheet.write_boolean(row, column, value)
        else:
            self._sheet.write_number(row, column, value)

    def close(self) -> None:
        sheet = self._book.add_worksheet("columns")
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 18)
        sheet.set_column(2, 2, 110)
        sheet.write_row(0, 0, ["column", "type", "meaning"], self._bold)
        sheet.freeze_panes(1, 0)
        for number, column in enumerate(self.table.columns, start=1):
            values = (column.name, name_type(column), column.comment or "")
            for place, value in enumerate(values):
                sheet.write_string(number, place, value, self._wrapped)
        self._book.close()


FORMATS: dict[str, Callable[[Path, sa.Table], TableFile]] = {
    "csv": CsvFile,
    "xlsx": XlsxFile,
    "parquet": ParquetFile,
}
