"""Checks on `transcripts`."""

import dagster as dg
import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    Bounds,
    drift_check,
    share_of_rows,
    stage_checks,
)
from callqa_assets.stages.transcripts import STAGE
from callqa_assets.warehouse.search import find_index_fault
from callqa_assets.warehouse.tables import transcripts as table
from resources.dagster_resources import WarehouseResource


def _characters_per_second(connection: sa.Connection, day: str) -> float | None:
    query = sa.select(
        sa.func.sum(sa.func.length(table.c.text)), sa.func.sum(table.c.end_s - table.c.start_s)
    ).where(table.c.day == day, table.c.text != "")
    characters, seconds = connection.execute(query).one()
    return characters / seconds if seconds else None


@dg.asset_check(
    asset=STAGE.asset,
    description="The search index is undamaged and has the entries that its table names.",
)
def search_index_is_sound(warehouse: dg.ResourceParam[WarehouseResource]) -> dg.AssetCheckResult:
    with warehouse.open().write() as connection:  # FTS5 asks for its check by a write
        fault = find_index_fault(connection)
    return dg.AssetCheckResult(
        passed=fault is None, severity=dg.AssetCheckSeverity.ERROR, description=fault
    )


CHECKS = [
    search_index_is_sound,
    *stage_checks(
        STAGE,
        complete="every_recording_was_transcribed",
        failures="Recordings that could not be transcribed.",
    ),
    drift_check(
        STAGE.asset,
        "empty_text_share",
        "Share of segments without text.",
        share_of_rows(table, table.c.text == ""),
        Bounds(low=0.0, high=0.3, max_change=0.15),
    ),
    drift_check(
        STAGE.asset,
        "characters_per_second",
        "Characters per second of speech: 3 to 6 in Mandarin, 10 to 18 in English; far more is "
        "invented text, far less is missed speech.",
        _characters_per_second,
        Bounds(low=1.5, high=22.0, max_change=4.0),
    ),
]
