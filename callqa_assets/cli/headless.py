"""`callqa run`: through Dagster, but without its daemon, what the sensor and the daemon do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from callqa_assets.assets.stage_asset import PROCESS_TAG
from callqa_assets.definitions import build_defs
from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.ingestion.discovery import ScanResult, scan
from callqa_assets.jobs import process_calls
from callqa_assets.sensors.dead_runs import fail_dead_runs
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.planning import PlannedRun, plan_runs
from callqa_assets.warehouse.dirty_days import read_dirty_days, read_generation
from callqa_assets.warehouse.files import read_days_of_drop
from resources.dagster_resources import DropFolderResource, resources_from_environment


@dataclass(frozen=True)
class HeadlessResult:
    scan: ScanResult
    days: list[str]
    run_ids: list[str]
    failed_runs: dict[str, str]
    """Run id to the cause, step by step."""


def process_drop_folder(
    progress: Progress,
    *,
    copy: bool,
    force: bool = False,
    log_level: str = "ERROR",
    resource_overrides: Mapping[str, Any] | None = None,
) -> HeadlessResult:
    """Plan every file of the drop folder and materialize its days, in this process.

    Every file counts as complete. The home (`prepare_home`) and the settings are those of the
    environment. Days that this drop folder filled earlier are run again too: where nothing is
    pending that costs a moment, and a changed rule or model takes effect.
    """
    resources = {**resources_from_environment(), **(resource_overrides or {})}
    named: DropFolderResource = resources["drop_folder"]
    drop_resource = DropFolderResource(
        folder=named.folder, metadata_config=named.metadata_config, copy_files=copy
    )
    resources |= {
        "drop_folder": drop_resource,
        "progress": dg.ResourceDefinition.hardcoded_resource(progress),
    }
    job = build_defs(resource_overrides=resources).resolve_job_def(process_calls.name)
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance)
        warehouse = dg.build_resources({"warehouse": resources["warehouse"]})
        with warehouse as opened:
            store = opened.warehouse.open()
        drop = drop_resource.open()
        found = scan(
            store,
            drop,
            drop_resource.load_metadata_config(),
            resources["home"].open().calendar,
            now=datetime.now(UTC),
            settle=timedelta(0),
        )
        with store.read() as connection:
            days = {*read_days_of_drop(connection, drop.root), *read_dirty_days(connection)}
            generations = {day: read_generation(connection, day) for day in days}
        results = [
            _execute(job, instance, planned, force, log_level)
            for planned in plan_runs(generations, [], max_runs=len(days)).runs
        ]
    return HeadlessResult(
        found,
        sorted(days),
        [result.run_id for result in results],
        {result.run_id: _explain(result) for result in results if not result.success},
    )


def _explain(result: dg.ExecuteInProcessResult) -> str:
    """Each failed step with the root of its error."""
    causes: list[str] = []
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        causes.append(f"{event.step_key}: {error.message.strip() if error else 'no message'}")
    return "; ".join(causes) or "cancelled"


def _execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    planned: PlannedRun,
    force: bool,
    log_level: str,
) -> dg.ExecuteInProcessResult:
    """Run contiguous days in this process."""
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": log_level}}}}
    if force:
        forced = {"config": {"force": True}}
        stages = ("vad_segments", "transcripts", "emotion_scores", "alerts")
        config["ops"] = dict.fromkeys(stages, forced)
    return job.execute_in_process(
        run_config=config,
        instance=instance,
        tags={**planned.tags, PROCESS_TAG: str(ProcessIdentity.current())},
        raise_on_error=False,
    )
