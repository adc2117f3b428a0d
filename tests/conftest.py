"""Where the tests find real weights and real recordings; both are optional and say so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from callqa_assets.cli.home_setup import prepare_home
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from resources.settings import Settings
from resources.storage.home import Home
from tests.support.calls import RULES

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder of real recorded speech with truth (`CALLQA_TESTDATA`, else ../shared/testdata)."""
    folder = Path(os.environ.get("CALLQA_TESTDATA", REPO.parent / "shared" / "testdata"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings: set CALLQA_TESTDATA (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder that `callqa models pull` fills (`CALLQA_MODELS`, else ./models)."""
    folder = Path(os.environ.get("CALLQA_MODELS", REPO / "models"))
    if not (folder / "whisper-base" / "model.bin").is_file():
        pytest.skip(f"no model weights in {folder}: run `callqa models pull`")
    return folder


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database, to be copied: migrating costs more than most tests."""
    path = tmp_path_factory.mktemp("template") / "callqa.db"
    warehouse = Warehouse(f"sqlite:///{path}")
    warehouse.migrate()
    warehouse.engine.dispose()
    return path


@pytest.fixture
def home(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own with an empty warehouse, which the environment points to."""
    monkeypatch.setenv("CALLQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    for name in (
        "CALLQA_WAREHOUSE_URL",
        "CALLQA_DROP",
        "CALLQA_RULES",
        "CALLQA_MODEL_PROFILE",
        "CALLQA_TIMEZONE",
        "CALLQA_FIRST_DAY",
    ):
        monkeypatch.delenv(name, raising=False)
    used = Home.open(tmp_path / "home")
    used.create_folders()
    shutil.copyfile(migrated, used.root / "callqa.db")
    return used


@pytest.fixture
def dagster_home(home: Home) -> Home:
    """The same, with Dagster's instance in it."""
    prepare_home(Settings.from_environment(), switch=False)
    return home


@pytest.fixture
def warehouse(home: Home) -> Warehouse:
    return open_warehouse(home.database_url)


@pytest.fixture
def rules(home: Home) -> Path:
    """A rules file with one anger rule, made for the toy models."""
    path = home.root / "rules.yaml"
    path.write_text(RULES.format(threshold=0.5))
    return path
