"""Dagster's own commands work on the project as installed: selections, days, ranges of days."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import dagster as dg
import pytest
import yaml

from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.cli.home_setup import open_instance
from callqa_assets.pipeline import Pipeline
from callqa_assets.warehouse import tables
from resources.settings import Settings
from resources.storage.home import REPO, Home
from tests.support.calls import write_call
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.integration

DAYS = ("2025-03-14", "2025-03-15")
MODULE = ("-m", "callqa_assets.definitions")
RANGE = ("--partition-range", f"{DAYS[0]}...{DAYS[1]}")

Command = Callable[..., CompletedProcess[str]]


@pytest.fixture
def command(dagster_home: Home) -> Command:
    def run(program: str, *arguments: str) -> CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name(program)), *arguments],
            env={**os.environ, "DAGSTER_HOME": str(dagster_home.dagster)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_selection_with_its_upstream_is_listed(command):
    listed = command("dagster", "asset", "list", "--select", "+transcripts", *MODULE)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.split() == ["transcripts", "vad_segments"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("dagster", "asset", "materialize", "--select", "raw_recordings", *RANGE, *MODULE),
        ("dg", "launch", "--assets", "raw_recordings", *RANGE),
    ],
    ids=["dagster", "dg"],
)
def test_a_range_of_days_is_materialized_in_one_run(command, home, scanned, arguments):
    launched = command(*arguments)
    assert launched.returncode == 0, launched.stderr[-2000:]
    recordings = read_rows(scanned, tables.recordings)
    assert [recording["day"] for recording in recordings] == list(DAYS)
    assert len({recording["run_id"] for recording in recordings}) == 1


def test_one_day_is_materialized(command, home, scanned):
    launched = command(
        "dg", "launch", "--assets", "raw_recordings", "--partition", DAYS[0]
    )  # fmt: skip
    assert launched.returncode == 0, launched.stderr[-2000:]
    assert [row["day"] for row in read_rows(scanned, tables.recordings)] == [DAYS[0]]


def test_a_job_without_a_day_says_how_to_name_one(command):
    failed = command("dagster", "job", "execute", "-j", "process_calls", *MODULE)
    assert failed.returncode != 0
    assert "the run names no day: choose partitions in the launchpad" in failed.stderr


def test_a_run_of_callqa_run_names_its_job_so_that_the_ui_can_re_execute_it(
    dagster_home, rules, monkeypatch
):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    write_call(dagster_home.drop, DAYS[0], anger=0.2)
    models = dg.ResourceDefinition.hardcoded_resource(FakeModels())
    result = process_drop_folder(
        Settings.from_environment(),
        lambda *_: None,
        copy=False,
        resource_overrides={"speech_models": models},
        log_level="CRITICAL",
    )
    workspace = yaml.safe_load((REPO / "workspace.yaml").read_text("utf-8"))
    (location,) = (entry["python_module"]["module_name"] for entry in workspace["load_from"])
    with open_instance(dagster_home) as instance:
        run = instance.get_run_by_id(result.run_ids[0])
    assert run is not None
    origin = run.remote_job_origin
    assert origin is not None
    assert (origin.location_name, origin.job_name) == (location, "process_calls")


@pytest.fixture
def scanned(dagster_home: Home, warehouse):
    """A warehouse that knows one settled call of each day."""
    for day in DAYS:
        write_call(dagster_home.drop, day, anger=0.2)
    Pipeline.open(Settings.from_environment()).scan()
    return warehouse
