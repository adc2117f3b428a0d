"""What BI clients rely on: the committed contract is what both engines' catalogues say."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
import yaml

from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.published_views import BI_ROLE, create_views, name_view
from callqa_assets.warehouse.schema_contract import CONTRACT, render
from callqa_assets.warehouse.tables import PUBLISHED_TABLES, metadata

CONTRACTED = yaml.safe_load(CONTRACT.read_text("utf-8"))["views"]
TYPES = (
    (sa.DateTime, "timestamp"),
    (sa.Date, "date"),
    (sa.Boolean, "boolean"),
    (sa.Float, "double"),
    (sa.Integer, "integer"),
    (sa.String, "text"),
)
"""Catalogue types, whose classes are not those of the tables."""


def name_stored_type(kind: sa.types.TypeEngine) -> str:
    return next((name for known, name in TYPES if isinstance(kind, known)), f"{kind!r}: no type")


def test_the_contract_is_what_the_tables_are():
    assert CONTRACT.read_text("utf-8") == render(), (
        "the tables changed: run `python -m callqa_assets.warehouse.schema_contract`, read the "
        "difference and raise mart_days.SCHEMA_VERSION"
    )


@pytest.mark.both_engines
@pytest.mark.parametrize("view", CONTRACTED)
def test_the_catalogue_has_every_column_with_its_type(warehouse, view):
    inspector = sa.inspect(warehouse.engine)
    table = view.removeprefix("published_")
    promised = CONTRACTED[view]["columns"]
    types = {name: kind.removesuffix(" or NULL") for name, kind in promised.items()}
    for relation in (view, table):
        stored = inspector.get_columns(relation)
        assert {c["name"]: name_stored_type(c["type"]) for c in stored} == types
        assert [c["name"] for c in stored] == list(types)
    nullable = {c["name"] for c in inspector.get_columns(table) if c["nullable"]}
    assert nullable == {name for name, kind in promised.items() if kind.endswith(" or NULL")}
    assert inspector.get_pk_constraint(table)["constrained_columns"] == CONTRACTED[view]["key"]


def test_no_client_sees_json_or_a_date_without_time():
    kinds = {kind for view in CONTRACTED.values() for kind in view["columns"].values()}
    assert {kind.removesuffix(" or NULL") for kind in kinds} == {
        "integer",
        "double",
        "boolean",
        "text",
        "timestamp",
    }


@pytest.mark.both_engines
@pytest.mark.parametrize("view", ["emotion_records", "rule_precision", "stage_models"])
def test_every_column_of_a_view_has_a_type(warehouse, view):
    columns = sa.inspect(warehouse.engine).get_columns(view)
    assert {c["name"] for c in columns if "no type" in name_stored_type(c["type"])} == set()


@pytest.mark.both_engines
def test_the_types_of_emotion_records_are_those_of_their_values(warehouse):
    columns = sa.inspect(warehouse.engine).get_columns("emotion_records")
    assert {c["name"]: name_stored_type(c["type"]) for c in columns} == {
        "id": "text",
        "timestamp": "timestamp",
        "audio_id": "text",
        "agent_id": "text",
        "emotion": "text",
        "confidence": "double",
        "granularity": "text",
        "start_s": "double",
        "end_s": "double",
        "embedding_path": "text",
        "alert_triggered": "boolean",
        "day": "date",
        "role": "text",
    }


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_postgresql_shows_in_a_view_what_its_columns_mean(warehouse):
    inspector = sa.inspect(warehouse.engine)
    for table in PUBLISHED_TABLES:
        stored = {c["name"]: c["comment"] for c in inspector.get_columns(name_view(table))}
        assert stored == {column.name: column.comment for column in table.columns}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_the_role_of_bi_clients_sees_the_views_and_no_transcripts(warehouse):
    with warehouse.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(sa.text(f"CREATE ROLE {BI_ROLE}"))
        create_views(connection)
        may_read = sa.text("SELECT has_table_privilege(:role, :name, 'SELECT')")
        readable = {
            name
            for name in (*metadata.tables, *CONTRACTED)
            if connection.scalar(may_read, {"role": BI_ROLE, "name": name})
        }
        transaction.rollback()
    assert readable == {*CONTRACTED, "published_days"}


@pytest.mark.both_engines
def test_the_dictionary_is_a_table_that_clients_read(empty_database):
    opened = Warehouse(empty_database)
    opened.migrate()
    with opened.read() as connection:
        rows = connection.execute(sa.text("SELECT * FROM published_mart_columns")).mappings().all()
    opened.engine.dispose()
    described = {(row["table_name"], row["column_name"]): row["meaning"] for row in rows}
    assert described == {
        **{(table.name, None): table.comment for table in PUBLISHED_TABLES},
        **{(t.name, column.name): column.comment for t in PUBLISHED_TABLES for column in t.c},
    }
    keys = [r["column_name"] for r in rows if r["table_name"] == "fact_segment" and r["is_key"]]
    assert keys == ["date_key", "call_key", "channel", "segment_no"]
