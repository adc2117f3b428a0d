"""Stage `scripts`: rows of what calls say, again where the file or the call's facts change."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from callqa_assets.stages.contract import run_stage
from callqa_assets.stages.scripts import STAGE
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.scripts import read_script_outcomes, share_of_outcome
from resources.storage.home import REPO
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
SCRIPTS = """
scripts:
  - name: service
    items:
      - {name: loudness, required: 响度}
      - {name: greeting, required: 您好很高兴为您服务}
      - {name: rude, forbidden: 响度, role: customer}
      - {name: after_nothing, required: 再见, after: nothing}
      - {name: nothing, mentioned: 没有人说过的话}
  - name: wealth
    when: {queue: wealth}
    items:
      - {name: risk, required: 投资有风险须谨慎}
"""


@pytest.fixture
def direct(home, warehouse, rules: Path) -> DirectRun:
    """A call whose two channels say 响度 and a number, by the fake models."""
    write_call(home.drop, DAY, seed=1, anger=0.2)
    direct = DirectRun(home, warehouse, rules)
    direct.run(FakeModels())
    return direct


@pytest.fixture
def run(direct: DirectRun, tmp_path: Path):
    """Run the stage by a scripts file; how many calls it computed."""
    configs = tmp_path / "configs"
    shutil.copytree(REPO / "configs", configs)

    def run(scripts: str) -> int:
        (configs / "scripts.yaml").write_text(scripts, "utf-8")
        context = replace(direct.pipeline().context, configs=configs)
        return run_stage(direct.warehouse, STAGE.build(context), DAY, run_id="again").computed

    return run


def outcomes(warehouse) -> dict[str, tuple[str, str | None]]:
    rows = read_rows(warehouse, tables.script_checks)
    return {f"{r['script']}.{r['item']}": (r["outcome"], r["reason"]) for r in rows}


def test_a_call_has_a_row_for_each_item_of_its_scripts(warehouse, run):
    assert run(SCRIPTS) == 1
    assert outcomes(warehouse) == {
        "service.loudness": ("passed", None),
        "service.greeting": ("missed", "not_said"),
        "service.rude": ("forbidden", None),
        "service.after_nothing": ("not_applicable", "not_mentioned"),
    }
    rows = {row["item"]: row for row in read_rows(warehouse, tables.script_checks)}
    rude = rows["rude"]
    assert (rude["matched_text"], rude["channel"], rude["role"]) == ("响度", 1, "customer")
    assert 2.4 < rude["start_s"] < rude["end_s"] <= 6
    assert rude["needs_review"]
    assert (rude["expected"], rude["score"]) == ("响度", 100)
    missed = rows["greeting"]
    assert missed["matched_text"] is missed["start_s"] is missed["score"] is None
    assert 0 < missed["window_start_s"] < missed["window_end_s"] <= 6
    assert rows["after_nothing"]["window_start_s"] is None


def test_only_a_change_of_the_scripts_meaning_judges_calls_again(warehouse, run):
    assert run(SCRIPTS) == 1
    assert run("# a comment\n" + SCRIPTS) == 0
    assert run(SCRIPTS.replace("须谨慎", "")) == 1
    assert run("scripts: []") == 1
    assert outcomes(warehouse) == {}


def test_a_queue_that_becomes_known_brings_its_scripts(home, warehouse, run, direct):
    run(SCRIPTS)
    (call,) = read_rows(warehouse, tables.recordings)
    sidecar = home.drop / f"{Path(call['source_name']).stem}.json"
    sidecar.write_text(json.dumps({"queue": "Wealth"}))
    direct.scan()
    direct.ingest(DAY)
    assert run(SCRIPTS) == 1
    assert outcomes(warehouse)["wealth.risk"] == ("missed", "not_said")


def test_the_days_outcomes_are_counted(warehouse, run):
    run(SCRIPTS)
    with warehouse.read() as connection:
        frame = read_script_outcomes(connection, DAY)
        shares = [
            share_of_outcome(connection, DAY, "missed", ["passed"]),
            share_of_outcome(connection, DAY, "unsure", ["passed", "missed", "forbidden"]),
            share_of_outcome(connection, "2025-03-15", "missed", ["passed"]),
            share_of_outcome(connection, DAY, "missed", ["passed"], at_least=3),
        ]
    assert frame.rows() == [
        ("service", "after_nothing", "not_applicable", 1),
        ("service", "greeting", "missed", 1),
        ("service", "loudness", "passed", 1),
        ("service", "rude", "forbidden", 1),
    ]
    assert shares == [0.5, 0.0, None, None]
