"""Dirty days: an arrival is never lost between a run's beginning and its end."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.dirty_days import (
    day_is_settled,
    mark_dirty,
    mark_done,
    read_dirty_days,
    read_generation,
)
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


@pytest.fixture
def direct(home, warehouse, rules: Path) -> DirectRun:
    write_call(home.drop, DAY)
    return DirectRun(home, warehouse, rules)


def is_settled(warehouse) -> bool:
    with warehouse.read() as connection:
        return day_is_settled(connection, DAY, STAGE_NAMES)


def test_a_day_is_dirty_until_a_run_that_saw_its_last_arrival_is_done(warehouse):
    with warehouse.write() as connection:
        mark_dirty(connection, [DAY, DAY])
        assert read_dirty_days(connection) == {DAY: 1}
        begun_at = read_generation(connection, DAY)
        mark_dirty(connection, [DAY])  # arrives while the run is at work
        mark_done(connection, DAY, begun_at)
        assert read_dirty_days(connection) == {DAY: 2}
        mark_done(connection, DAY, 2)
        mark_done(connection, DAY, begun_at)  # a slower run that saw less
        assert read_dirty_days(connection) == {}


def test_a_day_on_which_nothing_ever_arrived_is_clean(warehouse):
    with warehouse.read() as connection:
        assert read_generation(connection, DAY) == 0
        assert day_is_settled(connection, DAY, STAGE_NAMES)


def test_a_day_is_settled_once_every_file_is_in_and_every_stage_has_its_row(warehouse, direct):
    direct.scan()
    assert not is_settled(warehouse)
    direct.ingest(DAY)
    assert not is_settled(warehouse)
    direct.run(FakeModels())
    assert is_settled(warehouse)
    with warehouse.write() as connection:
        stage = tables.stage_runs.c.stage == "emotions"
        connection.execute(sa.update(tables.stage_runs).where(stage).values(status="claimed"))
    assert not is_settled(warehouse)


def test_a_recording_that_is_given_up_does_not_keep_its_day_dirty(warehouse, direct):
    def fail(model: str, items) -> None:
        raise RuntimeError("no")

    direct.run(FakeModels(before=fail))
    assert is_settled(warehouse)


def test_what_is_quarantined_does_not_keep_its_day_dirty(home, warehouse, rules):
    (home.drop / f"{DAY.replace('-', '')}-093000_1001_1.wav").write_bytes(b"no sound")
    DirectRun(home, warehouse, rules).ingest_all()
    assert is_settled(warehouse)
