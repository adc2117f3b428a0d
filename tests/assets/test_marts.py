"""The marts through Dagster: a run publishes days, and shows what it did on each mart's page."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
import sqlalchemy as sa

from callqa_assets.checks.marts import find_overdue
from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.domain.days import DEFAULT_CALENDAR, shift_day
from callqa_assets.marts.registry import MARTS
from callqa_assets.sensors.publication import publication_schedules
from callqa_assets.stages.planning import RANGE_END_TAG, RANGE_START_TAG
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.changed_days import mark_changed
from callqa_assets.warehouse.mart_days import publish, read_publications, withhold
from resources.dagster_resources import build_resources
from resources.settings import Settings
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

DAY, NEXT = "2025-03-14", "2025-03-15"


def processed(rules, monkeypatch):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    return process_drop_folder(
        Settings.from_environment(),
        lambda *_: None,
        copy=False,
        resource_overrides={
            "speech_models": dg.ResourceDefinition.hardcoded_resource(FakeModels())
        },
        log_level="CRITICAL",
    )


@pytest.mark.integration
def test_a_run_publishes_its_days_and_every_mart_has_rows_and_a_plot(
    dagster_home, warehouse, rules, monkeypatch
):
    for day in (DAY, NEXT):
        write_call(dagster_home.drop, day, anger=0.2, seed=int(day[-1]))
    result = processed(rules, monkeypatch)
    assert result.failed_runs == {}
    assert [check for check in result.failed_checks if check.severity == "ERROR"] == []
    with warehouse.read() as connection:
        states = read_publications(connection, [DAY, NEXT])
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.fact_call)) == 2
    assert {day: (state.calls, state.reason) for day, state in states.items()} == {
        DAY: (1, None),
        NEXT: (1, None),
    }
    assert (dagster_home.reports / f"{DAY}.html").is_file()
    with dg.DagsterInstance.from_config(str(dagster_home.dagster)) as instance:
        for mart in MARTS:
            records = instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(mart.name), asset_partitions=[NEXT]), limit=1
            ).records
            metadata = records[0].asset_materialization.metadata
            assert metadata["published"].value == "now", mart.name
            assert "rows_by_day" in metadata, mart.name
    assert processed(rules, monkeypatch).failed_runs == {}


@pytest.mark.integration
def test_a_day_that_cannot_be_published_fails_the_check_and_not_the_run(
    dagster_home, warehouse, rules, monkeypatch
):
    write_call(dagster_home.drop, DAY, anger=0.2)
    processed(rules, monkeypatch)
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.transcripts).values(confidence=7.0))
        mark_changed(connection, [DAY])
    result = processed(rules, monkeypatch)
    assert result.failed_runs == {}
    (failed,) = [check for check in result.failed_checks if check.severity == "ERROR"]
    assert failed.check == "days_are_published"
    assert "every_segment_has_a_transcript" in failed.description


def test_the_morning_schedule_asks_for_days_up_to_yesterday_in_contiguous_runs(
    home, warehouse, rules
):
    for day in ("2025-03-10", DAY, NEXT, "2025-03-16"):
        write_call(home.drop, day, seed=int(day[-2:]))
    DirectRun(home, warehouse, rules).run(FakeModels())
    resources = build_resources(Settings.from_environment())
    schedule, _ = publication_schedules(DEFAULT_CALENDAR)
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2025, 3, 16, 6, tzinfo=DEFAULT_CALENDAR.zone),
        resources={k: resources[k] for k in ("home", "warehouse", "customer_key")},
    )
    requests = schedule(context)
    assert [(r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in requests] == [
        ("2025-03-10", "2025-03-10"),
        (DAY, NEXT),
    ]


def test_yesterday_is_overdue_from_nine_on_unless_it_is_published_or_without_calls(
    home, warehouse, rules
):
    write_call(home.drop, DAY)
    DirectRun(home, warehouse, rules).run(FakeModels())

    def overdue(day: str, hour: int) -> str | None:
        now = datetime.fromisoformat(f"{day}T{hour:02d}:30").replace(tzinfo=DEFAULT_CALENDAR.zone)
        with warehouse.read() as connection:
            return find_overdue(connection, DEFAULT_CALENDAR, now)

    assert overdue(NEXT, 8) is None
    assert "publish_marts" in (overdue(NEXT, 9) or "")
    assert overdue(shift_day(NEXT, 1), 9) is None
    now = datetime.now(UTC)
    with warehouse.write() as connection:
        publish(connection, DAY, inputs_hash="0" * 64, run_id="run", now=now)
    assert overdue(NEXT, 9) is None
    with warehouse.write() as connection:
        withhold(connection, DAY, "it is broken", run_id="run", now=now)
    assert overdue(NEXT, 9) == f"{DAY} is withheld: it is broken"
