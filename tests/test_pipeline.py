"""The pipeline without Dagster."""

from __future__ import annotations

from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.dirty_days import read_dirty_days
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


def test_a_day_run_by_the_pipeline_is_complete_and_clean(home, warehouse, rules):
    write_call(home.drop, DAY, "1001", anger=0.2)
    pipeline = DirectRun(home, warehouse, rules).pipeline(FakeModels())
    pipeline.scan()
    with warehouse.read() as connection:
        assert list(read_dirty_days(connection)) == [DAY]
    report = pipeline.run_day(DAY, run_id="server")
    assert report.ingest.ingested == 1
    assert {name: stage.computed for name, stage in report.stages.items()} == dict.fromkeys(
        STAGE_NAMES, 1
    )
    assert read_rows(warehouse, tables.alerts)
    with warehouse.read() as connection:
        assert read_dirty_days(connection) == {}
