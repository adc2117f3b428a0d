"""The whole warehouse as comparable rows, for 'the same rows as an undisturbed run'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import metadata, stage_runs

VOLATILE = {
    "ingested_at",
    "run_id",
    "created_at",
    "accepted_at",
    "changed_at",
    "finished_at",
    "seconds",
    "artifact",
    "attempts",
    "generation",
    "done_generation",
    "changes",
    "input_version",
    "inputs_hash",
    "computed_at",
    "published_at",
    "withheld_at",
    "ingested_utc",
    "analysed_utc",
    "search_id",
}
"""Columns about when and by which run a row was written."""

OF_ONE_ENGINE = {"search_text", "grams"}
"""The search index of PostgreSQL; SQLite's is a table of its own."""


def read_rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    """Every row of a table."""
    with warehouse.read() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(table))]


def read_snapshot(warehouse: Warehouse) -> dict[str, list[str]]:
    """Every table but `intake` and `home`, as sorted rows without their volatile columns."""
    with warehouse.read() as connection:
        return {
            table.name: sorted(
                repr(
                    {
                        k: _ordered(v)
                        for k, v in row._mapping.items()
                        if k not in VOLATILE | OF_ONE_ENGINE
                    }
                )
                for row in connection.execute(sa.select(table))
            )
            for table in metadata.sorted_tables
            if table.name not in ("intake", "home")
        }


def _ordered(value: Any) -> Any:
    """JSON with its keys in order: PostgreSQL keeps them in another than they were written."""
    match value:
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value)}
        case list():
            return [_ordered(item) for item in value]
    return value


def read_tracks(warehouse: Warehouse, root: Path) -> list[tuple[Any, ...]]:
    """Every stored emotion window, sorted."""
    query = sa.select(stage_runs.c.recording_id, stage_runs.c.artifact).where(
        stage_runs.c.stage == "emotions", stage_runs.c.artifact.is_not(None)
    )
    with warehouse.read() as connection:
        named = connection.execute(query).all()
    return sorted(
        row
        for recording_id, artifact in named
        for row in pl.read_parquet(root / artifact).filter(recording_id=recording_id).rows()
    )
