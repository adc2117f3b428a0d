"""`callqa publish` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.changed_days import mark_changed
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

DAY, NEXT = "2025-03-14", "2025-03-15"


@pytest.fixture
def two_days(home, warehouse, rules: Path) -> None:
    for day in (DAY, NEXT):
        write_call(home.drop, day, seed=int(day[-1]))
    DirectRun(home, warehouse, rules).run(FakeModels())


def publish(home, *arguments: str):
    return CliRunner().invoke(app, ["publish", *arguments, "--home", str(home.root)])


def test_days_are_published_once_and_those_of_the_range_alone(home, two_days):
    first = publish(home, "--to", DAY)
    assert (first.exit_code, "1 days published" in first.output) == (0, True)
    # The first of them looks ahead at the second: was the customer to call again?
    assert "2 days published" in publish(home).output
    assert "every day is published as it is" in publish(home).output


def test_a_withheld_day_is_told_with_its_reason_and_fails_the_command(home, warehouse, two_days):
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.transcripts).values(confidence=7.0))
        mark_changed(connection, [DAY])
    result = publish(home, "--to", DAY)
    assert result.exit_code == 1
    assert f"{DAY} is withheld: every_segment_has_a_transcript" in result.output.replace("\n", " ")
