"""The contract with BI clients: what columns they may rely on, in `schema_contract.yaml`.

`python -m callqa_assets.warehouse.schema_contract` writes the file from `tables/`. Tests compare it
with the tables and with the catalogues of both engines, so that no change of a name, a type or a
key goes unnoticed: read the difference before committing it. Columns are only added; with each
change `mart_days.SCHEMA_VERSION` is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from callqa_assets.warehouse.dictionary import name_type
from callqa_assets.warehouse.mart_days import SCHEMA_VERSION
from callqa_assets.warehouse.published_views import name_view
from callqa_assets.warehouse.tables import PUBLISHED_TABLES, mart_columns

CONTRACT = Path(__file__).with_suffix(".yaml")
_HEAD = "# Written by callqa_assets/warehouse/schema_contract.py, which says what it is.\n"


def describe_schema() -> dict[str, Any]:
    """The version, and by view its key and the type of each column, `or NULL` where it may be."""
    return {
        "schema_version": SCHEMA_VERSION,
        "views": {name_view(table): _describe(table) for table in PUBLISHED_TABLES},
    }


def _describe(table: sa.Table) -> dict[str, Any]:
    return {
        "key": [str(column.name) for column in table.primary_key.columns],
        "columns": {str(column.name): name_type(column) for column in table.columns},
    }


def render() -> str:
    return _HEAD + yaml.safe_dump(describe_schema(), sort_keys=False, allow_unicode=True)


def write_dictionary(connection: sa.Connection) -> None:
    """Make `mart_columns` what the tables say of themselves."""
    connection.execute(sa.delete(mart_columns))
    rows = [row for table in PUBLISHED_TABLES for row in _describe_columns(table)]
    connection.execute(sa.insert(mart_columns), rows)


def _describe_columns(table: sa.Table) -> Iterator[dict[str, Any]]:
    own = {"table_name": table.name, "column_no": 0, "meaning": table.comment}
    yield own | dict.fromkeys(("column_name", "type", "is_key", "may_be_null"))
    for number, column in enumerate(table.columns, start=1):
        yield {
            "table_name": table.name,
            "column_no": number,
            "column_name": column.name,
            "type": name_type(column).removesuffix(" or NULL"),
            "is_key": column.primary_key,
            "may_be_null": column.nullable,
            "meaning": column.comment,
        }


if __name__ == "__main__":
    CONTRACT.write_text(render(), "utf-8")
