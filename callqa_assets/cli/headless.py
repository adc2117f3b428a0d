"""`callqa run`: what the sensor and the daemon do, through Dagster but in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.execution.job_execution_result import JobExecutionResult
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from callqa_assets.assets.recordings import PROBLEMS
from callqa_assets.cli.home_setup import open_instance
from callqa_assets.cli.stop_signals import StopSignals
from callqa_assets.definitions import build_defs
from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.ingestion.discovery import ScanResult
from callqa_assets.jobs import forced_config, process_calls, publish_marts
from callqa_assets.pipeline import Pipeline
from callqa_assets.sensors.dead_runs import fail_dead_runs
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.planning import PROCESS_TAG, group_days, plan_runs, range_tags
from callqa_assets.warehouse.dirty_days import read_generation
from resources.dagster_resources import DropFolderResource
from resources.settings import Settings


@dataclass(frozen=True)
class FailedCheck:
    asset: str
    check: str
    severity: str
    """`ERROR` or `WARN`."""
    description: str


@dataclass(frozen=True)
class HeadlessResult:
    scan: ScanResult
    days: list[str]
    run_ids: list[str]
    failed_runs: dict[str, str]
    """Run id to the cause, step by step."""
    failed_checks: list[FailedCheck]
    problems: list[str]
    """Files that could not be read or archived now."""


def process_drop_folder(
    settings: Settings,
    progress: Progress,
    *,
    copy: bool,
    force: bool = False,
    stop: StopSignals | None = None,
    log_level: str = "ERROR",
    resource_overrides: Mapping[str, Any] | None = None,
) -> HeadlessResult:
    """Scan the drop folder, materialize its days, publish; in this process, in a prepared home.

    Every file counts as complete. Days that this drop folder filled earlier are run again too:
    where nothing is pending that costs little, and a changed rule or model takes effect. Raises
    StoppedError after the run in which `stop` has seen a signal.
    """
    drop_folder = DropFolderResource(
        folder=str(settings.drop), metadata_config=str(settings.metadata_file), copy_files=copy
    )
    resources = {
        "drop_folder": drop_folder,
        **(resource_overrides or {}),
        "progress": dg.ResourceDefinition.hardcoded_resource(progress),
    }
    stop = stop or StopSignals()
    defs = build_defs(settings, resource_overrides=resources)
    process, publish = (defs.resolve_job_def(job.name) for job in (process_calls, publish_marts))
    pipeline = Pipeline.open(settings)
    with open_instance(settings.home) as instance:
        fail_dead_runs(instance)
        found = pipeline.scan()
        days = pipeline.days()
        with pipeline.context.warehouse.read() as connection:
            generations = {day: read_generation(connection, day) for day in days}
        results: list[JobExecutionResult] = []
        for planned in plan_runs(generations, [], max_runs=len(days)).runs:
            config = forced_config() if force else {}
            results.append(_execute(process, instance, planned.tags, config, log_level))
            stop.raise_if_any()
        processed = len(results)
        for group in group_days(pipeline.publisher().find_stale()):
            tags = range_tags(group[0], group[-1])
            results.append(_execute(publish, instance, tags, {}, log_level))
            stop.raise_if_any()
    return HeadlessResult(
        found,
        days,
        [result.run_id for result in results[:processed]],
        {result.run_id: _explain(result) for result in results if not result.success},
        [check for result in results for check in _failed_checks(result)],
        [problem for result in results for problem in _problems(result)],
    )


def _failed_checks(result: JobExecutionResult) -> list[FailedCheck]:
    return [
        FailedCheck(
            evaluation.asset_key.to_user_string(),
            evaluation.check_name,
            evaluation.severity.value,
            evaluation.description or "",
        )
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    ]


def _problems(result: JobExecutionResult) -> list[str]:
    """What the asset `raw_recordings` says about files that it could not read, day by day."""
    return [
        line
        for event in result.get_asset_materialization_events()
        if (told := event.materialization.metadata.get(PROBLEMS)) is not None
        for line in str(told.value).splitlines()
    ]


def _explain(result: JobExecutionResult) -> str:
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
    tags: Mapping[str, str],
    config: Mapping[str, Any],
    log_level: str,
) -> JobExecutionResult:
    """Run the days that the tags name in this process.

    As `execute_in_process` does, whose runs the UI cannot re-execute: they name no code location.
    """
    loggers = {"loggers": {"console": {"config": {"log_level": log_level}}}}
    run = instance.create_run_for_job(
        job_def=job,
        run_config={**config, **loggers},
        tags={**job.run_tags, **tags, PROCESS_TAG: str(ProcessIdentity.current())},
        remote_job_origin=RemoteJobOrigin(_REPOSITORY, job.name),
    )
    return execute_run(InMemoryJob(job), run, instance)


_REPOSITORY = RemoteRepositoryOrigin(
    RegisteredCodeLocationOrigin("callqa_assets.definitions"), SINGLETON_REPOSITORY_NAME
)
"""Where the UI and the daemon find the job: the code location of workspace.yaml."""
