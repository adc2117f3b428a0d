"""Whole runs through Dagster, with the warehouse and Dagster's own storage on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.cli.home_setup import open_instance, prepare_home
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from resources.settings import Settings
from resources.storage.home import REPO, Home
from tests.conftest import create_schema
from tests.support.calls import write_call
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_snapshot

DAYS = ["2025-03-13", "2025-03-14"]

pytestmark = pytest.mark.integration


@pytest.fixture
def process(rules: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Home, str], dict[str, bool]]:
    """Process a home with three calls and a file that is none; returns each check's outcome."""
    monkeypatch.setenv("CALLQA_RULES", str(rules))

    def run(home: Home, warehouse_url: str) -> dict[str, bool]:
        settings = Settings.from_environment(home=home.root, warehouse_url=warehouse_url)
        prepare_home(settings, switch=False)
        for seed, (day, anger) in enumerate([(DAYS[0], 0.2), (DAYS[0], 0.05), (DAYS[1], 0.2)]):
            write_call(home.drop, day, f"10{seed}", seed=seed, anger=anger)
        (home.drop / "20250314-120000_1001_1.wav").write_text("no sound")
        models = dg.ResourceDefinition.hardcoded_resource(FakeModels())
        result = process_drop_folder(
            settings,
            lambda *_: None,
            copy=False,
            resource_overrides={"speech_models": models},
            log_level="CRITICAL",
        )
        assert result.failed_runs == {}
        assert result.days == DAYS
        with open_instance(home) as instance:
            return _outcomes(instance, result.run_ids)

    return run


@pytest.fixture
def home_on_postgres(tmp_path: Path, postgres_server: str):
    """A home whose Dagster keeps its runs and events on PostgreSQL."""
    home = Home(tmp_path / "home_on_postgres")
    home.create_folders()
    settings = home.dagster / "dagster.yaml"
    shutil.copyfile(REPO / "configs" / "dagster.yaml", settings)
    with create_schema(postgres_server) as url:
        stored = yaml.safe_load(settings.read_text("utf-8"))
        stored["storage"] = {"postgres": {"postgres_url": url}}
        settings.write_text(yaml.safe_dump(stored), "utf-8")
        yield home


def test_a_run_on_postgresql_succeeds_with_the_rows_and_checks_of_one_on_sqlite(
    home, home_on_postgres, postgres_schema, process
):
    checks = process(home, home.database_url)
    checks_on_postgres = process(home_on_postgres, postgres_schema)
    assert checks_on_postgres == checks
    assert {"quarantine_share", "mtime_fallback_share", "empty_text_share"} <= set(checks)
    rows = read_snapshot(open_warehouse(home.database_url))
    assert {name for name, stored in rows.items() if stored} > {"recordings", "alerts", "fact_call"}
    assert all("'reason': None" in day for day in rows["published_days"])
    warehouse = Warehouse(postgres_schema)
    assert read_snapshot(warehouse) == rows
    warehouse.engine.dispose()


def _outcomes(instance: dg.DagsterInstance, run_ids: list[str]) -> dict[str, bool]:
    """Name of every check that ran, and whether it passed."""
    return {
        check.check_name: check.passed
        for run_id in run_ids
        for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        if event.dagster_event
        for check in [event.dagster_event.asset_check_evaluation_data]
    }
