"""`callqa search` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.search import rebuild
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels


@pytest.fixture
def said(home, warehouse, rules: Path) -> None:
    """A call in which a refund is asked for, with a phone number before it."""
    write_call(home.drop, "2025-03-14", "1001", seed=1)
    DirectRun(home, warehouse, rules).run(FakeModels())
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.transcripts).values(
                text="我的电话13800138000,我要退费。", text_raw="", words=[], alignment=[]
            )
        )
        rebuild(connection)


def run(home, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["search", *arguments, "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_word_needs_no_command_and_options_may_come_first(home, said):
    for arguments in (["退费"], ["query", "退费"], ["--limit", "1", "退费"]):
        assert "【退费】" in run(home, *arguments)
    assert "2 segments are indexed" in run(home, "rebuild")


def test_personal_data_around_a_hit_is_masked_and_the_hit_is_not(home, said):
    output = run(home, "退费")
    assert "13800138000" not in output
    assert "【13800138000】" in run(home, "13800138000")


def test_json_has_calls_hits_and_seconds(home, said):
    found = json.loads(run(home, "退费", "--json"))
    assert (found["total_calls"], found["total_segments"], found["to"]) == (1, 2, "2025-03-14")
    hit = found["calls"][0]["hits"][0]
    assert hit["end_s"] > hit["start_s"] >= 0


def test_a_day_that_is_none_is_told(home, said):
    result = CliRunner().invoke(app, ["search", "退费", "--from", "14.3.2025"])
    assert result.exit_code == 2
    assert "like 2025-03-14" in result.output
