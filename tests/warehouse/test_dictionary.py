"""What the columns mean is written once, in warehouse/tables, and shown in three places."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from callqa_assets.definitions import build_defs
from callqa_assets.warehouse.dictionary import PAGE, describe_table, render_page
from callqa_assets.warehouse.tables import metadata
from resources.settings import Settings

TABLES = metadata.sorted_tables


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_column_says_what_it_means(table):
    for documented in (table, *table.columns):
        assert documented.comment, documented
    silent = {c.name for c in table.columns if c.nullable and "NULL" not in c.comment}
    assert silent == set(), "the comment of a column that may be NULL says what NULL means"
    unitless = {
        column.name
        for column in table.columns
        if column.name.endswith("_s") and ", s" not in column.comment
    }
    assert unitless == set(), "a column in seconds says so"


def test_the_data_dictionary_is_up_to_date():
    page = PAGE.read_text("utf-8")
    assert page == render_page(page), (
        "docs/data_dictionary.md is stale: run `python -m callqa_assets.warehouse.dictionary`"
    )


def test_a_changed_comment_makes_the_page_stale(monkeypatch):
    page = PAGE.read_text("utf-8")
    monkeypatch.setattr(metadata.tables["segments"].c.level_dbfs, "comment", "Loudness | level.")
    changed = render_page(page)
    assert changed != page
    assert r"| `level_dbfs` | double | Loudness \| level. |" in changed
    assert changed.count("<!-- table ") == len(TABLES)


def test_a_table_without_a_place_on_the_page_is_named():
    with pytest.raises(ValueError, match=r"places for \['recordings'\].*dirty_days"):
        render_page("<!-- table recordings -->\n<!-- end of table recordings -->\n")


def test_a_table_is_described_with_its_key_and_what_may_be_null():
    text = describe_table(
        sa.Table(
            "calls",
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True, comment="Id."),
            sa.Column("queue", sa.Text, comment="Queue; NULL: none."),
            comment="Calls.",
        )
    )
    assert text == (
        "Calls. Key: `id`.\n\n| column | type | meaning |\n|---|---|---|\n"
        "| `id` | integer | Id. |\n| `queue` | text or NULL | Queue; NULL: none. |\n\n"
    )


def test_dagster_shows_what_the_columns_of_an_asset_mean(home):
    shown = {
        spec.metadata["dagster/relation_identifier"].split(", ")[0]: spec.metadata[
            "dagster/column_schema"
        ]
        for spec in build_defs(Settings.from_environment()).resolve_all_asset_specs()
    }
    assert set(shown) >= {"recordings", "segments", "transcripts", "emotion_scores", "alerts"}
    for name, schema in shown.items():
        table = metadata.tables[name]
        assert {column.name: column.description for column in schema.columns} == {
            column.name: column.comment for column in table.columns
        }


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_postgresql_shows_what_tables_and_columns_mean(warehouse):
    query = sa.text(
        "SELECT relation.relname, attribute.attname, description.description"
        " FROM pg_description AS description"
        " JOIN pg_class AS relation ON relation.oid = description.objoid"
        " AND description.classoid = 'pg_class'::regclass"
        " LEFT JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid"
        " AND attribute.attnum = description.objsubid AND description.objsubid > 0"
        " WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind = 'r'"
    )
    with warehouse.read() as connection:
        stored = {(table, column): text for table, column, text in connection.execute(query)}
    assert stored == {
        **{(table.name, None): table.comment for table in TABLES},
        **{(column.table.name, column.name): column.comment for t in TABLES for column in t.c},
    }
