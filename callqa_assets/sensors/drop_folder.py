"""The sensor on the drop folder: scans it and requests runs, which `planning` decides."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from callqa_assets.domain.digest import digest
from callqa_assets.ingestion.discovery import ScanResult, scan
from callqa_assets.jobs import process_calls
from callqa_assets.stages.planning import Plan, RunRecord, plan_runs
from callqa_assets.warehouse.dirty_days import read_dirty_days
from resources.dagster_resources import DropFolderResource, HomeResource, WarehouseResource

INTERVAL_S = 30
SETTLE = timedelta(seconds=20)
"""A file that did not change between two scans this far apart is complete."""
MAX_REQUESTS_PER_TICK = 10
MAX_RECORDINGS_PER_TICK = 20_000
"""Described in 10 s; Dagster ends a tick after 60 s, with all that it did."""
_MAX_RECENT_RUNS = 500

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def read_run_records(instance: dg.DagsterInstance) -> list[RunRecord]:
    """Runs that cover days: every active one, and the latest of the others."""
    active = instance.get_runs(dg.RunsFilter(statuses=ACTIVE))
    ended = [
        run
        for run in instance.get_runs(
            dg.RunsFilter(job_name=process_calls.name), limit=_MAX_RECENT_RUNS
        )
        if run.status not in ACTIVE
    ]
    return [RunRecord(run.tags, is_active=run.status in ACTIVE) for run in [*active, *ended]]


@dg.sensor(
    job=process_calls,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Finds recordings in the drop folder and requests runs of their days.",
)
def drop_folder_sensor(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[WarehouseResource],
    drop_folder: DropFolderResource,
    home: HomeResource,
) -> dg.SensorResult | dg.SkipReason:
    opened = warehouse.open()
    found = scan(
        opened,
        drop_folder.open(),
        drop_folder.load_metadata_config(),
        home.open().calendar,
        now=datetime.now(UTC),
        settle=SETTLE,
        at_most=MAX_RECORDINGS_PER_TICK,
    )
    told = digest(found.notes)
    if context.cursor != told:  # what is left out stays in the notes of every scan
        for note in found.notes:
            context.log.warning(note)
        context.update_cursor(told)
    with opened.read() as connection:
        dirty = read_dirty_days(connection)
    plan = plan_runs(dirty, read_run_records(context.instance), max_runs=MAX_REQUESTS_PER_TICK)
    for day in plan.given_up:
        context.log.error(
            "%s: every attempt failed; see its runs, then launch the day by hand", day
        )
    if plan.runs:
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=run.run_key, tags=run.tags) for run in plan.runs]
        )
    return dg.SkipReason(explain(plan, found))


def explain(plan: Plan, found: ScanResult) -> str:
    """Why no run is requested, for the sensor's page."""
    parts = [f"{found.listed} files in the drop folder, {found.waiting} still arriving"]
    if found.left_out:
        parts.append(f"{found.left_out} left out, see the log")
    if plan.active:
        parts.append(f"runs in progress on {', '.join(plan.active)}")
    if plan.given_up:
        parts.append(f"given up, launch by hand: {', '.join(plan.given_up)}")
    return "; ".join(parts)
