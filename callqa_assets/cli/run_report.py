"""What a person must know after `callqa run`: what failed, was left out, guessed or is doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from callqa_assets.cli.headless import FailedCheck, HeadlessResult
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import alerts, recordings, stage_notes, stage_runs


@dataclass(frozen=True)
class DayCounts:
    day: str
    recordings: int
    quarantined: int
    duplicates: int
    given_up: int
    """Stages of recordings that get no further attempt."""
    alerts: int
    """In force."""


@dataclass(frozen=True)
class NamedReason:
    file: str
    """Its name, fit for a terminal: phone numbers are masked."""
    reason: str


@dataclass(frozen=True)
class RunReport:
    """The keys of `callqa run --json`."""

    days: list[DayCounts]
    computed: dict[str, int]
    """Recordings that were computed, by stage."""
    failed_runs: dict[str, str]
    """Run id to its cause."""
    failed_checks: list[FailedCheck]
    given_up: list[NamedReason]
    """Recordings of these days that a stage has given up."""
    quarantined: list[NamedReason]
    """Files that this run could not use."""
    problems: list[str]
    """Files that could not be read or archived now; they are tried again."""
    left_out: int
    """Files and folders that the scan could not use."""
    scan_notes: list[str]
    guessed_dates: dict[str, int]
    """Recordings dated by their file or their arrival, by day."""
    file_notes: list[NamedReason]
    """Recordings of this run that were read, but not as they should be."""
    metadata_notes: list[NamedReason]
    """Recordings of this run about whose facts something was wrong."""
    stage_notes: dict[str, int]
    """Recordings by what a stage noted: `dual_mono`, `doubtful_language` …"""

    @property
    def has_failures(self) -> bool:
        """Whether something failed or was left out; doubts and warnings are no failures."""
        return bool(
            self.failed_runs
            or self.given_up
            or self.quarantined
            or self.problems
            or self.left_out
            or any(check.severity == "ERROR" for check in self.failed_checks)
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "has_failures": self.has_failures}


def read_report(result: HeadlessResult, warehouse: Warehouse) -> RunReport:
    """The report of a run, from its result and the warehouse."""
    days, run_ids = result.days, result.run_ids
    with warehouse.read() as connection:
        rows = connection.execute(
            sa.select(recordings)
            .where(recordings.c.run_id.in_(run_ids))
            .order_by(recordings.c.day, recordings.c.source_name)
        ).all()
        return RunReport(
            days=_count_days(connection, days),
            computed=_count_computed(connection, run_ids),
            failed_runs=result.failed_runs,
            failed_checks=result.failed_checks,
            given_up=_read_given_up(connection, days),
            quarantined=[
                NamedReason(shown_name(row.source_name), row.reason or "")
                for row in rows
                if row.status == "quarantined"
            ],
            problems=result.problems,
            left_out=result.scan.left_out,
            scan_notes=list(result.scan.notes),
            guessed_dates=_count_guessed_dates(connection, days),
            file_notes=[
                NamedReason(shown_name(row.source_name), row.reason)
                for row in rows
                if row.status == "ok" and row.reason
            ],
            metadata_notes=[
                NamedReason(shown_name(row.source_name), note)
                for row in rows
                for note in row.metadata.get("notes", ())
            ],
            stage_notes=_count_stage_notes(connection, days),
        )


def _count_days(connection: sa.Connection, days: Sequence[str]) -> list[DayCounts]:
    def count(table: sa.Table, key: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]):
        query = sa.select(table.c.day, key, sa.func.count()).where(table.c.day.in_(days), *where)
        found = connection.execute(query.group_by(table.c.day, key))
        return {(day, value): number for day, value, number in found}

    by_status = count(recordings, recordings.c.status)
    given_up = count(stage_runs, stage_runs.c.status, stage_runs.c.status == "failed")
    in_force = count(alerts, sa.literal("in force"), alerts.c.superseded_at.is_(None))
    return [
        DayCounts(
            day,
            by_status.get((day, "ok"), 0),
            by_status.get((day, "quarantined"), 0),
            by_status.get((day, "duplicate"), 0),
            given_up.get((day, "failed"), 0),
            in_force.get((day, "in force"), 0),
        )
        for day in days
    ]


def _count_computed(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, int]:
    query = (
        sa.select(stage_runs.c.stage, sa.func.count().label("n"))
        .where(stage_runs.c.run_id.in_(run_ids), stage_runs.c.status == "ok")
        .group_by(stage_runs.c.stage)
    )
    return {row.stage: row.n for row in connection.execute(query)}


def _read_given_up(connection: sa.Connection, days: Sequence[str]) -> list[NamedReason]:
    query = (
        sa.select(recordings.c.source_name, stage_runs.c.stage, stage_runs.c.error)
        .join(recordings, recordings.c.recording_id == stage_runs.c.recording_id)
        .where(stage_runs.c.day.in_(days), stage_runs.c.status == "failed")
        .order_by(recordings.c.source_name, stage_runs.c.stage)
    )
    return [
        NamedReason(shown_name(name), f"{stage}: {error}")
        for name, stage, error in connection.execute(query)
    ]


def _count_guessed_dates(connection: sa.Connection, days: Sequence[str]) -> dict[str, int]:
    query = (
        sa.select(recordings.c.day, sa.func.count().label("n"))
        .where(
            recordings.c.day.in_(days),
            recordings.c.status == "ok",
            recordings.c.time_source.in_(("mtime", "intake")),
        )
        .group_by(recordings.c.day)
        .order_by(recordings.c.day)
    )
    return {row.day: row.n for row in connection.execute(query)}


def _count_stage_notes(connection: sa.Connection, days: Sequence[str]) -> dict[str, int]:
    query = (
        sa.select(
            stage_notes.c.note, sa.func.count(sa.distinct(stage_notes.c.recording_id)).label("n")
        )
        .where(stage_notes.c.day.in_(days))
        .group_by(stage_notes.c.note)
        .order_by(stage_notes.c.note)
    )
    return {row.note: row.n for row in connection.execute(query)}
