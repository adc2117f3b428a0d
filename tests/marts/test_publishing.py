"""A day is published as a whole, or what was published before stays and says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR, date_key
from callqa_assets.marts.mart import Mart
from callqa_assets.marts.publishing import Publisher
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.changed_days import mark_changed, read_changes
from callqa_assets.warehouse.mart_days import read_publications
from callqa_assets.warehouse.recordings import update_metadata
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

pytestmark = pytest.mark.both_engines

DAY, NEXT = "2025-03-14", "2025-03-15"
NOW = datetime(2025, 6, 1, tzinfo=UTC)

_metadata = sa.MetaData()
COUNTS = sa.Table(
    "test_counts",
    _metadata,
    sa.Column("date_key", sa.Integer, primary_key=True),
    sa.Column("calls", sa.Integer),
)
TOTALS = sa.Table(
    "test_totals",
    _metadata,
    sa.Column("date_key", sa.Integer, primary_key=True),
    sa.Column("calls", sa.Integer),
)


def count_calls(context, day):
    query = sa.select(sa.func.count()).where(tables.recordings.c.day == day)
    return {COUNTS: [{"date_key": date_key(day), "calls": context.connection.scalar(query)}]}


def add_up(context, day):
    query = sa.select(sa.func.sum(COUNTS.c.calls)).where(COUNTS.c.date_key <= date_key(day))
    return {TOTALS: [{"date_key": date_key(day), "calls": context.connection.scalar(query)}]}


def fail(context, day):
    raise ValueError("no such thing")


COUNT = Mart("counts", "", (COUNTS,), "1", count_calls)
TOTAL = Mart("totals", "", (TOTALS,), "1", add_up, days_before=56, reads=("counts",))
BROKEN = Mart("broken", "", (TOTALS,), "1", fail)


@pytest.fixture
def direct(home, warehouse, rules: Path) -> Iterator[DirectRun]:
    _metadata.create_all(warehouse.engine)
    for day in (DAY, NEXT):
        write_call(home.drop, day, "1001", seed=len(day) + int(day[-1]))
    run = DirectRun(home, warehouse, rules)
    run.run(FakeModels())
    yield run
    _metadata.drop_all(warehouse.engine)


@pytest.fixture
def publisher(direct, warehouse) -> Publisher:
    return Publisher(warehouse, (COUNT, TOTAL), DEFAULT_CALENDAR, Path())


def publish_all(publisher: Publisher, run_id: str = "publish"):
    days = list(publisher.find_stale(NOW))
    return {day: publisher.publish_day(day, run_id=run_id, now=NOW) for day in days}


def read(warehouse, table) -> list[tuple[int, int]]:
    with warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by("date_key"))]


def state(warehouse, day=DAY):
    with warehouse.read() as connection:
        return read_publications(connection, [day])[day]


def test_every_settled_day_is_published_once(publisher, warehouse):
    reports = publish_all(publisher)
    assert {day: list(report.computed) for day, report in reports.items()} == {
        DAY: ["counts", "totals"],
        NEXT: ["counts", "totals"],
    }
    assert read(warehouse, COUNTS) == [(20250314, 1), (20250315, 1)]
    assert read(warehouse, TOTALS) == [(20250314, 1), (20250315, 2)]
    assert state(warehouse).calls == 1
    assert state(warehouse).reason is None
    assert publish_all(publisher) == {}


def test_a_late_call_republishes_what_reads_its_day(direct, publisher, home, warehouse):
    publish_all(publisher)
    write_call(home.drop, DAY, "1002", seed=9)
    direct.run(FakeModels())
    reports = publish_all(publisher, "later")
    assert list(reports[DAY].computed) == ["counts", "totals"]
    assert list(reports[NEXT].computed) == ["totals"]
    assert read(warehouse, TOTALS) == [(20250314, 2), (20250315, 3)]


def test_a_day_that_is_not_settled_keeps_what_was_published(direct, publisher, home, warehouse):
    publish_all(publisher)
    published_at = state(warehouse).published_at
    write_call(home.drop, DAY, "1002", seed=9)
    direct.scan()
    direct.pipeline().ingest(DAY, run_id="half")
    with warehouse.write() as connection:
        mark_changed(connection, [DAY])
    reports = publish_all(publisher, "later")
    assert reports[DAY].withheld
    assert "still to be processed" in reports[DAY].withheld
    assert read(warehouse, COUNTS) == [(20250314, 1), (20250315, 1)]
    assert state(warehouse).published_at == published_at
    assert state(warehouse).reason == reports[DAY].withheld


def test_rows_that_violate_an_invariant_withhold_the_day(publisher, warehouse):
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.transcripts)
            .where(tables.transcripts.c.day == DAY)
            .values(confidence=7.0)
        )
    reports = publish_all(publisher)
    assert reports[DAY].withheld
    assert "every_segment_has_a_transcript" in reports[DAY].withheld
    assert state(warehouse).published_at is None
    assert not reports[NEXT].withheld


def test_a_mart_that_fails_leaves_no_half_of_a_day(direct, warehouse):
    publisher = Publisher(warehouse, (COUNT, BROKEN), DEFAULT_CALENDAR, Path())
    reports = publish_all(publisher)
    assert reports[DAY].withheld == "ValueError: no such thing"
    assert read(warehouse, COUNTS) == []
    assert state(warehouse).reason == "ValueError: no such thing"


def test_a_decision_about_an_alert_and_a_move_to_another_day_count_as_changes(
    direct, publisher, home, warehouse
):
    with warehouse.read() as connection:
        before = read_changes(connection)
        recording_id = connection.scalar(
            sa.select(tables.recordings.c.recording_id).where(tables.recordings.c.day == DAY)
        )
    with warehouse.write() as connection:
        update_metadata(connection, recording_id, NEXT, {"queue": "loans"})
    with warehouse.read() as connection:
        after = read_changes(connection)
    assert after == {day: count + 1 for day, count in before.items()}
