"""Migrations: up, down and up again with rows in the tables; the shape is the code's."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import (
    Warehouse,
    WarehouseError,
    alembic_config,
    open_warehouse,
)
from callqa_assets.warehouse.published_views import name_view
from callqa_assets.warehouse.tables import PUBLISHED_TABLES, metadata
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

VIEWS = (
    "emotion_records",
    "rule_precision",
    "stage_models",
    *map(name_view, PUBLISHED_TABLES),
)
CHOICES = {
    "intake.kind": "audio",
    "intake.state": "seen",
    "recordings.status": "ok",
    "alerts.mode": "live",
    "alert_deliveries.status": "pending",
    "alert_deliveries.suppressed_because": None,
    "alert_deliveries.spike_date_key": None,
    "alert_deliveries.topic": None,
    "batch_files.status": "queued",
    "stage_runs.status": "ok",
    "segments.start_s": 0.5,
    "segments.kind": "music",
    "transcript_search.grams": "'ab'",
    "script_checks.outcome": "passed",
    "script_checks.reason": None,
    "topic_spikes.state": "spike",
    "pii_spans.kind": "mobile",
    "pii_spans.start_char": 0,
    "pii_spans.confidence": "high",
    "pii_spans.part": "whole",
}
"""Values of columns that do not take every value of their type."""


@pytest.fixture
def fresh(empty_database: str):
    opened = Warehouse(empty_database)
    yield opened
    opened.engine.dispose()


def sample(column: sa.Column[Any]) -> Any:
    """A value that the column takes; equal for columns that refer to each other."""
    name = f"{column.table.name}.{column.name}"
    if name in CHOICES:
        return CHOICES[name]
    if isinstance(column.type, tables.Day):
        return "2025-03-14"
    if isinstance(column.type, tables.UtcDateTime):
        return datetime(2025, 3, 14, tzinfo=UTC)
    if isinstance(column.type, sa.DateTime):
        return datetime(2025, 3, 14)
    if isinstance(column.type, sa.JSON):
        return {"text": "退费"}
    values = {str: "x" * 8, bytes: b"\xff", int: 1, float: 1.5, bool: True}
    return values[column.type.python_type]


EMPTY = [table for table in metadata.sorted_tables if table is not tables.mart_columns]
"""Tables without rows that the migrations write."""


def fill(warehouse: Warehouse) -> None:
    """One row in each empty table, every column filled."""
    with warehouse.write() as connection:
        for table in EMPTY:
            values = {column.name: sample(column) for column in table.columns}
            connection.execute(sa.insert(table).values(values))


def downgrade(warehouse: Warehouse, revision: str) -> None:
    with warehouse.engine.connect() as connection:
        command.downgrade(alembic_config(connection), revision)
        connection.commit()


def revisions(warehouse: Warehouse) -> list[str]:
    """Every revision there is, the newest first."""
    with warehouse.read() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    return [script.revision for script in scripts.walk_revisions()]


def _is_compared(
    is_sqlite: bool, found: Any, name: str | None, kind: str, reflected: bool, other: Any
) -> bool:
    """False for the tables of SQLite's full text search, and for PostgreSQL's index on SQLite."""
    named = (name or "").removesuffix("_grams")
    return not (
        (kind == "table" and named.startswith("transcript_fts"))
        or (is_sqlite and kind == "index" and named == "ix_transcript_search")
    )


def names_in(warehouse: Warehouse) -> set[str]:
    """Tables and views, but for Alembic's own and those of SQLite's full text search."""
    inspector = sa.inspect(warehouse.engine)
    names = {*inspector.get_table_names(), *inspector.get_view_names()} - {"alembic_version"}
    return {name for name in names if not name.startswith("transcript_fts")}


def test_a_database_with_rows_goes_up_down_and_up_again(fresh):
    for _ in range(2):
        fresh.migrate()
        fresh.require_current()
        assert names_in(fresh) == {*metadata.tables, *VIEWS}
        fill(fresh)
        for table in EMPTY:
            (row,) = read_rows(fresh, table)
            assert row == {column.name: sample(column) for column in table.columns}
        for revision in [*revisions(fresh)[1:], "base"]:
            downgrade(fresh, revision)
        assert names_in(fresh) == set()


def test_the_migrations_build_exactly_the_tables_of_the_code(warehouse):
    with warehouse.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_object": functools.partial(_is_compared, warehouse.is_sqlite),
            },
        )
        assert compare_metadata(context, metadata) == []


def test_every_key_and_constraint_has_the_name_that_the_code_gives_it(warehouse):
    """A later migration drops them by name; Alembic does not compare primary keys and checks."""
    inspector = sa.inspect(warehouse.engine)
    for name, table in metadata.tables.items():
        stored = [
            inspector.get_pk_constraint(name),
            *inspector.get_check_constraints(name),
            *inspector.get_foreign_keys(name),
            *inspector.get_unique_constraints(name),
        ]
        bind = warehouse.engine.dialect.identifier_preparer
        named = {bind.format_constraint(constraint) for constraint in table.constraints}
        assert {constraint["name"] for constraint in stored} == named


def test_a_database_that_was_not_migrated_is_refused_with_the_cure(empty_database):
    with pytest.raises(WarehouseError, match=r"revision none.*run `callqa init`"):
        open_warehouse(empty_database)
    Warehouse(empty_database).migrate()
    assert open_warehouse(empty_database) is open_warehouse(empty_database)


def test_migrating_twice_changes_nothing(fresh):
    for _ in range(2):
        fresh.migrate()
    fresh.require_current()


def test_a_database_of_a_later_version_is_refused_and_left_alone(fresh):
    fresh.migrate()
    with fresh.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WarehouseError, match=r"9999.*use the version that wrote it"):
        fresh.migrate()
    assert names_in(fresh) == {*metadata.tables, *VIEWS}
