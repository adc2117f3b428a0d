"""The tables of docs/data_dictionary.md, written from the comments in `tables/`.

`python -m callqa_assets.warehouse.dictionary` brings the page up to date. It rewrites what is
between a table's two markers; the text around them is written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.warehouse import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data_dictionary.md"
_MARKED = re.compile(
    r"(?P<begin><!-- table (?P<name>\w+) -->\n).*?(?P<end><!-- end of table (?P=name) -->)",
    re.DOTALL,
)
_TYPES = (
    (tables.UtcDateTime, "timestamp"),
    (sa.DateTime, "timestamp"),
    (tables.Day, "date"),
    (sa.JSON, "JSON"),
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Double, "double"),
    (sa.LargeBinary, "bytes"),
    (sa.String, "text"),
)


def render_page(page: str) -> str:
    """The page with the tables as they are now.

    Raises ValueError unless each table has its place on the page.
    """
    marked = [match["name"] for match in _MARKED.finditer(page)]
    if sorted(marked) != sorted(tables.metadata.tables):
        raise ValueError(
            f"the page has places for {sorted(marked)}, the tables are "
            f"{sorted(tables.metadata.tables)}: mark a place for each with "
            "`<!-- table NAME -->` and `<!-- end of table NAME -->`"
        )
    return _MARKED.sub(_fill, page)


def _fill(match: re.Match[str]) -> str:
    return match["begin"] + describe_table(tables.metadata.tables[match["name"]]) + match["end"]


def describe_table(table: sa.Table) -> str:
    """A table's comment, key and columns, as Markdown."""
    key = ", ".join(f"`{column.name}`" for column in table.primary_key.columns)
    rows = (
        f"| `{column.name}` | {name_type(column)} | {_escape(column.comment)} |\n"
        for column in table.columns
    )
    return (
        f"{table.comment} Key: {key}.\n\n| column | type | meaning |\n|---|---|---|\n"
        f"{''.join(rows)}\n"
    )


def name_type(column: sa.Column[Any]) -> str:
    """A column's type in plain words, the same on both engines, e.g. `double or NULL`."""
    name = next(name for kind, name in _TYPES if isinstance(column.type, kind))
    return f"{name} or NULL" if column.nullable else name


def _escape(comment: str | None) -> str:
    return (comment or "").replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(render_page(PAGE.read_text("utf-8")), "utf-8")
