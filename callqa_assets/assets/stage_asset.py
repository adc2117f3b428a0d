"""The asset of a stage: runs it over the run's days and reports each day to Dagster."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from callqa_assets.assets.daily_asset import DailyAsset, days_of, tag_process
from callqa_assets.assets.finished_days import finish_days
from callqa_assets.assets.run_outbox import open_outbox
from callqa_assets.domain.rules.rule_set import RuleSet
from callqa_assets.partitions import GPU_POOL
from callqa_assets.stages.contract import Progress, Stage, StageReport, run_stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.registry import STAGES
from callqa_assets.warehouse.rule_sets import accept_rules
from resources.dagster_resources import (
    HomeResource,
    NotifierResource,
    RulesResource,
    SpeechModelsResource,
    WarehouseResource,
)
from resources.speech_models.runtime.device import MemoryGuard
from resources.storage.config_files import read_rules_file

RAW_RECORDINGS = "raw_recordings"


class StageConfig(dg.Config):
    """Launchpad settings of a stage."""

    force: bool = Field(
        default=False,
        description="Compute every good recording again, including what is up to date.",
    )


Describe = Callable[[StageContext, Stage[Any, Any], sa.Connection, str], Mapping[str, Any]]
"""Metadata of one day that only this stage has."""


def stage_asset(
    definition: StageDefinition,
    *,
    description: str,
    group: str,
    kinds: Collection[str],
    describe: Describe = lambda context, stage, connection, day: {},
) -> DailyAsset:
    """The daily asset of a stage; its upstream assets and its pool follow from the stage."""

    def compute(
        context: dg.AssetExecutionContext,
        config: StageConfig,
        home: HomeResource,
        warehouse: dg.ResourceParam[WarehouseResource],
        speech_models: SpeechModelsResource,
        rules: RulesResource,
        notifier: dg.ResourceParam[NotifierResource],
        progress: dg.ResourceParam[Progress],
    ) -> None:
        tag_process(context)
        opened = warehouse.open()

        def read_rules() -> RuleSet:
            in_force = accept_rules(opened, read_rules_file(Path(rules.path)))
            if in_force.problem:
                context.log.error("%s; the last accepted rules stay in force", in_force.problem)
            return in_force.rules

        stages = StageContext(
            home=home.open(),
            warehouse=opened,
            configs=Path(home.configs),
            open_models=speech_models.open,
            read_hotwords=speech_models.read_hotwords,
            read_rules=read_rules,
            open_outbox=lambda: open_outbox(context, notifier, home),
        )
        _materialize(context, definition, stages, describe, config.force, progress)

    uses_pool = {"pool": GPU_POOL} if definition.uses_models else {}
    assets = {stage.name: stage.asset for stage in STAGES}
    return DailyAsset(
        name=definition.asset,
        description=description,
        compute=compute,
        tables=definition.tables,
        group=group,
        kinds=kinds,
        code_version=definition.code_version,
        deps=[assets[name] for name in definition.upstream] or [RAW_RECORDINGS],
        options=uses_pool,
    )


def _materialize(
    context: dg.AssetExecutionContext,
    definition: StageDefinition,
    stages: StageContext,
    describe: Describe,
    force: bool,
    progress: Progress,
) -> None:
    """Run a stage over the days of this run and attach each day's metadata."""
    warehouse, days = stages.warehouse, days_of(context)
    stage = definition.build(stages)
    for day in days:
        halvings = MemoryGuard.halvings_of_process
        report = run_stage(
            warehouse, stage, day, run_id=context.run.run_id, force=force, progress=progress
        )
        for recording_id, error in report.failed.items():
            context.log.error("%s %s: recording %s: %s", stage.name, day, recording_id, error)
        with warehouse.read() as connection:
            metadata = {
                **_day_metadata(connection, definition.tables[0], day, report),
                **_model_metadata(stage, MemoryGuard.halvings_of_process - halvings),
                **describe(stages, stage, connection, day),
            }
        context.add_asset_metadata(metadata, partition_key=day)
    definition.clean_up(stages, days)
    # Stages that do not depend on each other run in any order: whichever is last finishes the days.
    finish_days(context, warehouse, days)


def _day_metadata(
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


def _model_metadata(stage: Stage[Any, Any], halvings: int) -> dict[str, Any]:
    """Which model a stage uses, and how often a batch was halved for lack of memory.

    Empty for a stage without a model.
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
