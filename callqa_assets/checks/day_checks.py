"""The kinds of asset check: integrity, warning, drift and anomaly, each from a function of a day.

A run may cover a range of days, so every check goes through the run's days and names those that
fail. What is checked is in the modules beside this one, one per asset.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.domain.days import TRAILING_DAYS, trailing_days
from callqa_assets.stages.definition import StageDefinition
from callqa_assets.stages.planning import RunRecord
from callqa_assets.warehouse.invariants import INVARIANTS, Invariant, RowsOfDay
from callqa_assets.warehouse.tables import recordings, stage_runs
from resources.dagster_resources import HomeResource, WarehouseResource
from resources.storage.home import Home

_EXAMPLES = 5


@dataclass(frozen=True)
class Scope:
    """What is checked: one day of one run."""

    connection: sa.Connection
    home: Home
    day: str
    run_id: str
    begun_at: datetime
    """When the run was created: what others ingested since then is theirs to check."""


Faults = Callable[[Scope], list[str]]
"""Ids of the recordings that fail the check; an id may be repeated."""

FindAnomaly = Callable[[sa.Connection, str], str | None]
"""What is unusual about a day, in words; None where nothing is."""

Measure = Callable[[sa.Connection, str], float | None]
"""A day's value; None where the day has nothing to measure."""


@dataclass(frozen=True)
class Bounds:
    """Where a day's value is ordinary. Outside, the check warns; nothing is stopped."""

    low: float
    high: float
    max_change: float
    """Largest difference from the mean of the two weeks before."""


def integrity_check(
    asset: str, name: str, description: str, find_faults: Faults
) -> dg.AssetChecksDefinition:
    """A blocking check: where it fails, nothing downstream runs."""

    @dg.asset_check(asset=asset, name=name, description=description, blocking=True)
    def check(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[WarehouseResource],
        home: HomeResource,
    ) -> dg.AssetCheckResult:
        faults: dict[str, list[str]] = {}
        days = 0
        with warehouse.open().read() as connection:
            for day in _days_of(context, connection):
                days += 1
                if found := find_faults(_scope_of(context, connection, home.open(), day)):
                    faults[day] = sorted(set(found))
        told = {
            day: f"{len(ids)} recordings, such as {', '.join(ids[:_EXAMPLES])}"
            for day, ids in faults.items()
        }
        return dg.AssetCheckResult(
            passed=not faults,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_in_words(told),
            metadata={"days_checked": days, **_table(told)},
        )

    return check


def warning_check(
    asset: str, name: str, description: str, find_faults: Faults
) -> dg.AssetChecksDefinition:
    """A check that warns of recordings that a person should look at."""

    @dg.asset_check(asset=asset, name=name, description=description)
    def check(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[WarehouseResource],
        home: HomeResource,
    ) -> dg.AssetCheckResult:
        faults: dict[str, str] = {}
        with warehouse.open().read() as connection:
            for day in _days_of(context, connection):
                if found := find_faults(_scope_of(context, connection, home.open(), day)):
                    faults[day] = f"{len(found)}: {', '.join(found[:_EXAMPLES])}"
        return dg.AssetCheckResult(
            passed=not faults,
            severity=dg.AssetCheckSeverity.WARN,
            description=_in_words(faults),
            metadata=_table(faults),
        )

    return check


def drift_check(
    asset: str, name: str, description: str, measure: Measure, bounds: Bounds
) -> dg.AssetChecksDefinition:
    """A check that warns where a day's value is out of bounds, or far from that of days before."""

    @dg.asset_check(asset=asset, name=name, description=description)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.AssetCheckResult:
        values: dict[str, float] = {}
        odd: dict[str, str] = {}
        with warehouse.open().read() as connection:
            for day in _days_of(context, connection):
                value = measure(connection, day)
                if value is None:
                    continue
                values[day] = round(value, 4)
                past = _trailing_mean(connection, measure, day)
                if reason := explain_deviation(value, past, bounds):
                    odd[day] = reason
        return dg.AssetCheckResult(
            passed=not odd,
            severity=dg.AssetCheckSeverity.WARN,
            description=_in_words(odd),
            metadata={"values": dg.MetadataValue.json(values), **_table(odd)},
        )

    return check


def anomaly_check(
    asset: str,
    name: str,
    description: str,
    find_anomaly: FindAnomaly,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetChecksDefinition:
    """A check that tells of days about which something is unusual."""

    @dg.asset_check(asset=asset, name=name, description=description)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.AssetCheckResult:
        with warehouse.open().read() as connection:
            found = {day: find_anomaly(connection, day) for day in _days_of(context, connection)}
        odd = {day: finding for day, finding in found.items() if finding}
        return dg.AssetCheckResult(
            passed=not odd,
            severity=severity,
            description=_in_words(odd),
            metadata=_table(odd),
        )

    return check


def explain_deviation(value: float, past: float | None, bounds: Bounds) -> str | None:
    """Why a value is unusual, in words; None where it is not. `past` is the mean of days before."""
    if not bounds.low <= value <= bounds.high:
        return f"{value:.3g} is outside {bounds.low:g} to {bounds.high:g}"
    if past is not None and abs(value - past) > bounds.max_change:
        return f"{value:.3g} against {past:.3g} over the {TRAILING_DAYS} days before"
    return None


def _scope_of(
    context: dg.AssetCheckExecutionContext, connection: sa.Connection, home: Home, day: str
) -> Scope:
    run = context.run
    (record,) = context.instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]), limit=1)
    return Scope(connection, home, day, run.run_id, record.create_timestamp)


def _trailing_mean(connection: sa.Connection, measure: Measure, day: str) -> float | None:
    *before, _ = trailing_days(day)
    values = [v for d in before if (v := measure(connection, d)) is not None]
    return sum(values) / len(values) if values else None


def _days_of(context: dg.AssetCheckExecutionContext, connection: sa.Connection) -> list[str]:
    """The run's days; for a check run on its own, the latest day there is."""
    days = RunRecord(context.run.tags, is_active=True).days
    if not days:
        latest = connection.execute(sa.select(sa.func.max(recordings.c.day))).scalar_one_or_none()
        days = [latest] if latest else []
    return days


def _in_words(found: Mapping[str, str]) -> str | None:
    """The first days' findings in one line; None where all is well."""
    lines = [f"{day}: {finding}" for day, finding in found.items()]
    more = f"; and {len(lines) - _EXAMPLES} days more" if len(lines) > _EXAMPLES else ""
    return "; ".join(lines[:_EXAMPLES]) + more if lines else None


def _table(failing: Mapping[str, str]) -> dict[str, Any]:
    if not failing:
        return {}
    return {
        "failing_days": dg.MetadataValue.table(
            [dg.TableRecord({"day": day, "finding": text}) for day, text in failing.items()],
            schema=dg.TableSchema(columns=[dg.TableColumn("day"), dg.TableColumn("finding")]),
        )
    }


def stage_checks(
    stage: StageDefinition, *, complete: str, failures: str
) -> list[dg.AssetChecksDefinition]:
    """The checks of every stage: no recording is missing, none was given up, its invariants hold.

    `complete` is the name of the first, `failures` the description of the second.
    """
    return [
        integrity_check(
            stage.asset,
            complete,
            "Every good recording has a ledger row of this stage.",
            missing_stage_runs(stage.name),
        ),
        warning_check(
            stage.asset, f"{stage.name}_failures", failures, failed_stage_runs(stage.name)
        ),
        *(
            integrity_check(
                stage.asset, invariant.name, invariant.description, violations(invariant)
            )
            for invariant in INVARIANTS
            if invariant.stage == stage.name
        ),
    ]


def violations(invariant: Invariant) -> Faults:
    """Recordings whose rows, stored by this run, violate the invariant."""

    def find(scope: Scope) -> list[str]:
        return invariant.find_violations(
            RowsOfDay(scope.connection, scope.day, invariant.stage, scope.run_id)
        )

    return find


def share_of_rows(table: sa.Table, condition: sa.ColumnElement[bool]) -> Measure:
    """The share of a day's rows for which the condition holds, 0 to 1."""
    # PostgreSQL's avg of such numbers is a Decimal, which Dagster's metadata does not accept.
    share = sa.cast(sa.func.avg(sa.case((condition, 1.0), else_=0.0)), sa.Double)

    def measure(connection: sa.Connection, day: str) -> float | None:
        return connection.execute(sa.select(share).where(table.c.day == day)).scalar_one()

    return measure


def missing_stage_runs(stage: str) -> Faults:
    """Good recordings without a ledger row of the stage, unless another run works on them."""

    def find(scope: Scope) -> list[str]:
        known = sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.stage == stage, stage_runs.c.day == scope.day
        )
        # Where another run is at work, or was since this one began, that run writes the row.
        others = (stage_runs.c.run_id != scope.run_id) & (
            stage_runs.c.finished_at >= scope.begun_at
        )
        elsewhere = sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.day == scope.day, (stage_runs.c.status == "claimed") | others
        )
        query = sa.select(recordings.c.recording_id).where(
            recordings.c.day == scope.day,
            recordings.c.status == "ok",
            sa.or_(recordings.c.run_id == scope.run_id, recordings.c.ingested_at < scope.begun_at),
            recordings.c.recording_id.not_in(known),
            recordings.c.recording_id.not_in(elsewhere),
        )
        return list(scope.connection.execute(query).scalars())

    return find


def failed_stage_runs(stage: str) -> Faults:
    """Recordings that failed at the stage, or are blocked by an earlier one."""

    def find(scope: Scope) -> list[str]:
        query = sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.stage == stage,
            stage_runs.c.day == scope.day,
            stage_runs.c.status.in_(("failed", "blocked")),
        )
        return list(scope.connection.execute(query.order_by(stage_runs.c.recording_id)).scalars())

    return find
