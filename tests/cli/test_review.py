"""`callqa review`: list what waits, decide by a short id, see the precision."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import WarehouseError
from callqa_assets.warehouse.reviews import ReviewError
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


def callqa(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["review", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def processed(home, warehouse, rules: Path) -> None:
    rules.write_text(RULES.format(threshold=0.5) + "    review: true\n")
    write_call(home.drop, DAY, "1001", anger=0.2)
    DirectRun(home, warehouse, rules).run(FakeModels())


def test_an_alert_is_listed_decided_by_its_short_id_and_gone_from_the_list(processed, warehouse):
    listed = callqa("list", "--day", DAY, "--rule", "anger")
    short = listed.split()[0]
    assert f"{short}  {DAY}  anger  high  customer 2.5–5.2 s  peak 0.80" in listed
    assert "agent 1001" in listed
    assert "响度0.200" in listed

    callqa("decide", short, "false", "--reviewer", "ann", "--note", "a joke")
    (review,) = read_rows(warehouse, tables.alert_reviews)
    assert review["alert_id"].startswith(short)
    stored = (review["reviewer"], review["is_true_alarm"], review["note"])
    assert stored == ("ann", False, "a joke")
    assert callqa("list") == "no alert waits for a review\n"
    assert "1 0 1 0 1 0.00 0.00–0.79" in " ".join(callqa("precision").split())


def test_an_unknown_id_is_an_error_with_the_fix(processed):
    with pytest.raises(ReviewError, match="review list"):
        callqa("decide", "zz", "true", "--reviewer", "ann")


def test_a_home_without_calls_is_an_error_and_not_created(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLQA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.delenv("CALLQA_WAREHOUSE_URL", raising=False)
    with pytest.raises(WarehouseError, match="callqa run"):
        callqa("list")
    assert not (tmp_path / "nowhere").exists()
