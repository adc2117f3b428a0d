"""The volume of days as the check and the plot see it: live alerts in force, per evaluated hour."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from callqa_assets.checks.alerts import _find_odd_volume as odd_volume
from callqa_assets.domain.alerts.volume import DayVolume
from callqa_assets.domain.days import trailing_days
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.alerts import read_volume, read_volume_by_priority
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
CALL_HOURS = 6 / 3600


def write_calls(drop: Path) -> None:
    """Two angry calls and a calm one on the day, one angry call on the day before."""
    for seed, (day, anger) in enumerate([(DAY, 0.2), (DAY, 0.2), (DAY, 0.05), ("2025-03-13", 0.2)]):
        write_call(drop, day, f"10{seed}", seed=seed, anger=anger)


@pytest.fixture
def processed(process_calls) -> DirectRun:
    return process_calls(write_calls)


def volume(warehouse, *days: str) -> list[DayVolume]:
    with warehouse.read() as connection:
        return read_volume(connection, days)


def test_two_weeks_are_the_fourteen_days_before_and_the_day():
    days = trailing_days("2025-03-03")
    assert (len(days), days[0], days[-1]) == (15, "2025-02-17", "2025-03-03")


def test_a_days_volume_is_its_alerts_by_rule_and_its_evaluated_hours(processed, warehouse):
    before, day, after = volume(warehouse, "2025-03-13", DAY, "2025-03-15")
    assert before == DayVolume(pytest.approx(CALL_HOURS), {"anger": 1})
    assert day == DayVolume(pytest.approx(3 * CALL_HOURS), {"anger": 2})
    assert after == DayVolume(0.0, {})


@pytest.mark.parametrize("values", [{"mode": "shadow"}, {"superseded_at": sa.func.now()}])
def test_alerts_on_trial_and_superseded_ones_do_not_count(processed, warehouse, values):
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.alerts).values(**values))
    assert volume(warehouse, DAY) == [DayVolume(pytest.approx(3 * CALL_HOURS), {})]


def test_audio_on_which_no_rule_was_evaluated_does_not_count(processed, warehouse):
    runs = tables.stage_runs
    with warehouse.write() as connection:
        connection.execute(sa.delete(runs).where(runs.c.stage == "alerts", runs.c.day == DAY))
    assert volume(warehouse, DAY)[0].audio_hours == 0


def test_the_plot_gets_alerts_by_priority(processed, warehouse):
    with warehouse.write() as connection:
        (first, *_) = read_rows(warehouse, tables.alerts)
        connection.execute(
            sa.update(tables.alerts)
            .where(tables.alerts.c.alert_id == first["alert_id"])
            .values(priority="low")
        )
    with warehouse.read() as connection:
        frame = read_volume_by_priority(connection, trailing_days(DAY))
    assert frame["alerts"].sum() == 3
    assert sorted(frame["priority"].unique()) == ["high", "low"]


def test_a_flood_after_quiet_days_is_reported_and_a_quiet_day_is_not(home, warehouse, rules):
    days = trailing_days(DAY)[-7:]
    for n, day in enumerate(days):
        write_call(home.drop, day, seed=n)
    for n in range(4):
        write_call(home.drop, DAY, f"20{n}", seed=10 + n, anger=0.2)
    DirectRun(home, warehouse, rules).run(FakeModels())
    with warehouse.read() as connection:
        assert odd_volume(connection, days[-2]) is None
        finding = odd_volume(connection, DAY)
    assert finding is not None
    assert finding.startswith("all rules: 4 alerts in 0.0 audio hours, expected ")
    assert "from the previous 6 days" in finding
    assert "; anger: 4 alerts" in finding
