"""What the stage assets share: going through the run's days and telling Dagster how each went."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.partitions import BACKFILL, DAYS
from callqa_assets.stages.contract import Progress, Stage, StageReport, run_stage
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import metadata as warehouse_metadata
from resources.speech_models.runtime.device import MemoryGuard

PROCESS_TAG = "callqa/process"
"""Run tag that names the process at work, so that a killed run can be found."""


class StageConfig(dg.Config):
    """Launchpad settings of a stage."""

    force: bool = Field(
        default=False, description="Compute every good recording anew, also what is up to date."
    )


_SQL_TYPES = {
    sa.Integer: "integer",
    sa.Double: "double",
    sa.Boolean: "boolean",
    sa.JSON: "json",
}


def daily_asset(
    *, tables: Sequence[str], group: str, kinds: set[str], code_version: str, **options: Any
) -> Callable[[Callable[..., None]], dg.AssetsDefinition]:
    """`dg.asset` with what the five assets share: days, ranges in one run, owner, table schema."""

    def decorate(function: Callable[..., None]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # `backfill_policy` is in beta, and known to be: one run for a range needs it.
            warnings.filterwarnings("ignore", message=".*backfill_policy", category=dg.BetaWarning)
            return dg.asset(
                partitions_def=DAYS,
                backfill_policy=BACKFILL,
                group_name=group,
                kinds=kinds,
                owners=["team:speech-analytics"],
                code_version=code_version,
                metadata=_table_metadata(*tables),
                **options,
            )(function)

    return decorate


def _table_metadata(*tables: str) -> dict[str, Any]:
    """Definition metadata of an asset: its first table's relation and columns."""
    table = warehouse_metadata.tables[tables[0]]
    columns = [
        dg.TableColumn(
            column.name,
            next((t for kind, t in _SQL_TYPES.items() if isinstance(column.type, kind)), "text"),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in table.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/relation_identifier": ", ".join(tables),
    }


def tag_process(context: dg.AssetExecutionContext) -> None:
    """Let the run say which process works on it."""
    context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: str(ProcessIdentity.current())})


def materialize_stage(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    stage: Stage,
    table: sa.Table,
    *,
    force: bool,
    progress: Progress,
    describe: Callable[[sa.Connection, str], Mapping[str, Any]] = lambda connection, day: {},
) -> None:
    """Run a stage over the days of this run and attach each day's metadata.

    `describe` adds what only this stage can tell of a day.
    """
    tag_process(context)
    for day in context.partition_keys:
        halvings = MemoryGuard.halvings_of_process
        report = run_stage(
            warehouse, stage, day, run_id=context.run.run_id, force=force, progress=progress
        )
        for recording_id, error in report.failed.items():
            context.log.error("%s %s: recording %s: %s", stage.name, day, recording_id, error)
        with warehouse.read() as connection:
            metadata = {
                **day_metadata(connection, table, day, report),
                **model_metadata(stage, MemoryGuard.halvings_of_process - halvings),
                **describe(connection, day),
            }
        context.add_asset_metadata(metadata, partition_key=day)


def day_metadata(
    connection: sa.Connection, table: sa.Table, day: str, report: StageReport
) -> dict[str, Any]:
    """Rows, audio hours, real-time factor and failures of one day of one stage."""
    rows = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.c.day == day)
    ).scalar_one()
    factor = report.real_time_factor
    return {
        "dagster/partition_row_count": rows,
        "recordings_computed": report.computed,
        "recordings_up_to_date": report.current,
        "recordings_failed": len(report.failed),
        "recordings_blocked": report.blocked,
        "recordings_in_other_runs": report.elsewhere,
        "audio_hours_computed": round(report.audio_s / 3600, 4),
        **({} if factor is None else {"real_time_factor": round(factor, 5)}),
    }


def model_metadata(stage: Stage, halvings: int) -> dict[str, Any]:
    """Which model a stage uses, and how often a batch was halved for want of memory.

    Nothing for a stage without a model.
    """
    fingerprint = stage.fingerprint
    if fingerprint.model_id is None:
        return {}
    return {
        "model": fingerprint.model_id,
        "weights_sha256": fingerprint.weights_sha256,
        "fingerprint": fingerprint.hash,
        "out_of_memory_halvings": halvings,
    }
