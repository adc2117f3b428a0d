"""Marking runs whose process was killed as failed: Dagster itself would keep them as started."""

import dagster as dg

from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.stages.planning import PROCESS_TAG

INTERVAL_S = 60

_UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed the runs whose process is gone from this host; returns their ids.

    A run on another host is left alone: only that host can see its processes.
    """
    dead: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        owner = _owner(instance, run)
        if owner and ProcessIdentity.parse(owner).is_dead():
            instance.report_run_failed(run, f"its process {owner} is gone; run the days again")
            dead.append(run.run_id)
    return dead


def _owner(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The process that works on a run; None until the run is tagged with it."""
    owner = run.tags.get(PROCESS_TAG)
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    # Dagster gives a re-executed run the tags of its parent.
    return None if parent and parent.tags.get(PROCESS_TAG) == owner else owner


@dg.sensor(
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs whose process was killed as failed, so that their days run again.",
)
def dead_runs_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    dead = fail_dead_runs(context.instance)
    return dg.SkipReason(f"marked as failed: {', '.join(dead)}" if dead else "no dead runs")
