"""kill -9 anywhere, then the same command again: the tables of a run that nobody disturbed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from callqa_assets.stages.registry import STAGES
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import open_warehouse
from callqa_assets.warehouse.ledger import MAX_CRASHES
from resources.storage.archive import RecordingArchive
from resources.storage.home import Home
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.processes import run_and_die, run_process
from tests.support.snapshot import read_rows, read_snapshot, read_tracks

DAY = "2025-03-14"
RULES_TEXT = RULES.format(threshold=0.5)

pytestmark = pytest.mark.integration


def write_calls(drop: Path) -> None:
    for seed in range(4):
        write_call(drop, DAY, f"10{seed}", seed=seed, anger=0.1 + 0.05 * seed)
    (drop / f"{DAY.replace('-', '')}-100000_1009_1.wav").write_bytes(b"RIFF not a call")


def tables_of(home: Home):
    warehouse = open_warehouse(home.database_url)
    return read_snapshot(warehouse), read_tracks(warehouse, home.root)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, migrated: Path):
    """Tables and tracks of a home that was processed in one go."""
    home = Home(tmp_path_factory.mktemp("undisturbed"))
    home.create_folders()
    shutil.copyfile(migrated, home.root / "callqa.db")
    write_calls(home.drop)
    rules = home.root / "rules.yaml"
    rules.write_text(RULES_TEXT)
    DirectRun(home, open_warehouse(home.database_url), rules).run(FakeModels(), batch_recordings=2)
    found = tables_of(home)
    assert len(found[0]["stage_runs"]) == 4 * len(STAGES)
    assert found[0]["alerts"]
    return found


@pytest.mark.parametrize(
    ("point", "call", "after"),
    [
        ("archive", 2, True),
        ("recording row", 3, False),
        ("load", 1, False),
        ("load", 3, True),
        ("segments", 2, False),
        ("transcripts", 1, False),
        ("emotions", 2, False),
        ("lake", 1, True),
        ("alerts", 2, False),
        ("commit", 4, True),
    ],
)
def test_a_killed_process_is_resumed_to_the_tables_of_an_undisturbed_one(
    home, warehouse, rules, undisturbed, point, call, after
):
    write_calls(home.drop)
    rules.write_text(RULES_TEXT)
    assert run_process(run_and_die, home.root, rules, point, call, after) == -9
    assert tables_of(home) != undisturbed
    DirectRun(home, warehouse, rules).run(FakeModels(), batch_recordings=2)
    assert tables_of(home) == undisturbed
    assert list(home.drop.iterdir()) == []
    again = FakeModels()
    DirectRun(home, warehouse, rules).run(again)
    assert again.calls == {"vad": 0, "asr": 0, "ser": 0}


def test_what_was_committed_before_the_kill_is_not_computed_again(home, warehouse, rules):
    write_calls(home.drop)
    assert run_process(run_and_die, home.root, rules, "transcripts", 2, False) == -9
    models = FakeModels()
    DirectRun(home, warehouse, rules).run(models)
    # Of four stereo calls, all were cut and the first batch of two was transcribed.
    assert models.calls == {"vad": 0, "asr": 4, "ser": 8}


def run_with_a_deadly_call(root: Path, rules: Path, poison: str) -> None:
    """Process a home in which one call kills the process that loads it."""
    real = RecordingArchive.load

    def load(archive, recording):
        if recording.recording_id == poison:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(archive, recording)

    RecordingArchive.load = load
    DirectRun(Home(root), open_warehouse(Home(root).database_url), rules).run(
        FakeModels(), batch_recordings=2
    )


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_a_call_that_kills_whoever_loads_it_is_given_up_and_the_others_are_done(
    home, warehouse, rules, position
):
    """Wherever it stands in the day, no other call is taken for the culprit."""
    write_calls(home.drop)
    rules.write_text(RULES_TEXT)
    DirectRun(home, warehouse, rules).ingest_all()
    good = (row for row in read_rows(warehouse, tables.recordings) if row["status"] == "ok")
    poison = sorted(row["recording_id"] for row in good)[position]
    codes = [
        run_process(run_with_a_deadly_call, home.root, rules, poison)
        for _ in range(MAX_CRASHES + 1)
    ]
    assert codes == [-9] * MAX_CRASHES + [0]
    rows = read_rows(warehouse, tables.stage_runs)
    failed = [row for row in rows if row["recording_id"] == poison]
    assert {row["stage"]: row["status"] for row in failed} == {
        stage.name: "blocked" if stage.upstream else "failed" for stage in STAGES
    }
    assert any(f"died {MAX_CRASHES} times" in row["error"] for row in failed)
    others = [row["status"] for row in rows if row["recording_id"] != poison]
    assert others == ["ok"] * 3 * len(STAGES)
