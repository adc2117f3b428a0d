"""Publishing days: all marts of a day that are out of date are replaced in one transaction.

A reader sees a day as it was before or after, never between. Where something is wrong with a day,
what was published before stays, and `published_days` says why.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from callqa_assets.domain.days import Calendar
from callqa_assets.domain.digest import digest
from callqa_assets.marts.mart import Mart, MartContext
from callqa_assets.marts.staleness import Staleness
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse.changed_days import read_changes
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dirty_days import day_is_settled
from callqa_assets.warehouse.invariants import find_violations
from callqa_assets.warehouse.mart_days import (
    DayOfMart,
    publish,
    read_versions,
    replace_rows,
    store_versions,
    withhold,
)
from callqa_assets.warehouse.outbox import Outbox

_LOCK = "publish"
"""One publication at a time: they share the dimensions' keys."""


@dataclass(frozen=True)
class DayReport:
    """Result of publishing one day."""

    day: str
    computed: dict[str, DayOfMart] = field(default_factory=dict)
    """By mart; empty where all were up to date."""
    withheld: str | None = None
    """Why the day was not published."""


@dataclass(frozen=True)
class Publisher:
    """The marts of a warehouse, and what they are computed from."""

    warehouse: Warehouse
    marts: Sequence[Mart]
    calendar: Calendar
    configs: Path
    customer_key: bytes | None = field(default=None, repr=False)
    outbox: Outbox | None = None
    """Where notices of what a day shows are written, in the transaction that publishes it; None:
    nobody is told."""

    def find_stale(self, now: datetime | None = None) -> dict[str, list[Mart]]:
        """Days up to today with marts that are out of date."""
        today = self.calendar.day_of(now or datetime.now(UTC))
        with self.warehouse.read() as connection:
            found = self._staleness(connection, today).find()
        return {day: marts for day, marts in found.items() if day <= today}

    def publish_days(
        self, days: Sequence[str], *, run_id: str, force: bool = False
    ) -> Iterator[DayReport]:
        """Publish days, ascending; then once more those that look ahead at days after them."""
        for day in days:
            yield self.publish_day(day, run_id=run_id, force=force)
        outdated = self.find_stale()
        for day in days:
            if day in outdated:
                yield self.publish_day(day, run_id=run_id)

    def publish_day(
        self, day: str, *, run_id: str, force: bool = False, now: datetime | None = None
    ) -> DayReport:
        """Bring the day's marts up to date, or record why they cannot be.

        Raises where the warehouse fails; what is wrong with the day is in the report.
        """
        now = now or datetime.now(UTC)
        try:
            with self.warehouse.write(lock=_LOCK) as connection:
                return self._publish(connection, day, run_id, force, now)
        except exc.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - recorded for its day; other days go on
            reason = f"{type(error).__name__}: {_first_line(error)}"
            return self._withhold(day, reason, run_id, now)

    def _publish(
        self, connection: sa.Connection, day: str, run_id: str, force: bool, now: datetime
    ) -> DayReport:
        today = self.calendar.day_of(now)
        staleness = self._staleness(connection, today)
        stale = [mart for mart in self.marts if force or staleness.is_stale(mart, day)]
        if not stale:
            return DayReport(day)
        if reason := self._find_obstacle(connection, day):
            withhold(connection, day, reason, run_id=run_id, now=now)
            return DayReport(day, withheld=reason)
        context = self._context(connection, today)
        stored = read_versions(connection)
        computed: dict[str, DayOfMart] = {}
        for mart in stale:
            started = time.perf_counter()
            # Taken before the mart reads: what changes meanwhile makes it out of date again.
            version = staleness.version(mart, day, stored)
            rows = mart.compute(context, day)
            number = sum(
                replace_rows(connection, table, day, rows.get(table, ())) for table in mart.tables
            )
            stored[mart.name, day] = version
            computed[mart.name] = DayOfMart(version, number, time.perf_counter() - started)
        for mart in stale:
            if mart.find_notices is not None and self.outbox is not None:
                found = mart.find_notices(context, day)
                self.outbox.write_spikes(connection, day, found, run_id=run_id, now=now)
        store_versions(connection, day, computed, run_id=run_id, now=now)
        inputs_hash = digest([stored.get((mart.name, day)) for mart in self.marts])
        publish(connection, day, inputs_hash=inputs_hash, run_id=run_id, now=now)
        return DayReport(day, computed)

    def _find_obstacle(self, connection: sa.Connection, day: str) -> str | None:
        """Why the day may not be published as it is."""
        if not day_is_settled(connection, day, STAGE_NAMES):
            return "recordings of the day are still to be processed: run the day"
        violations = [
            f"{name}: {len(ids)} recordings, such as {ids[0]}"
            for name, ids in find_violations(connection, day).items()
        ]
        return "; ".join(violations) or None

    def _withhold(self, day: str, reason: str, run_id: str, now: datetime) -> DayReport:
        with self.warehouse.write(lock=_LOCK) as connection:
            withhold(connection, day, reason, run_id=run_id, now=now)
        return DayReport(day, withheld=reason)

    def _context(self, connection: sa.Connection, today: str) -> MartContext:
        return MartContext(connection, self.calendar, self.configs, today, self.customer_key)

    def _staleness(self, connection: sa.Connection, today: str) -> Staleness:
        return Staleness(
            self.marts,
            self._context(connection, today),
            read_changes(connection),
            read_versions(connection),
            today,
        )


def _first_line(error: Exception) -> str:
    """Without the further lines of a database's error, which quote the row."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(cause).partition("\n")[0]
