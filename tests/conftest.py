"""Where the tests find real weights, real recordings, a home and a database.

Weights, recordings and PostgreSQL are optional; what is skipped without them says so.
"""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from callqa_assets.cli.home_setup import prepare_home
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from callqa_assets.warehouse.tables import metadata
from resources.settings import Settings
from resources.storage.drop_folder import DropFolder
from resources.storage.home import Home
from tests.support.calls import FIRST_DAY, RULES
from tests.support.dagster_files import close_files, keep_files_open
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

REPO = Path(__file__).resolve().parents[1]
SERVER = "CALLQA_TEST_POSTGRES_URL"

keep_files_open()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `both_engines` that use a database run on SQLite and on PostgreSQL."""
    marked = metafunc.definition.get_closest_marker("both_engines")
    if marked and "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


def pytest_runtest_setup(item: pytest.Function) -> None:
    """Skip what needs a PostgreSQL where there is none: here, so that it is told in one line."""
    engine = item.callspec.params.get("engine") if hasattr(item, "callspec") else None
    needed = engine == "postgresql" or "postgres_server" in item.fixturenames
    if needed and not os.environ.get(SERVER):
        pytest.skip(f"no PostgreSQL: tests/support/with_postgres.sh starts one, {SERVER} names one")


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


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home as `callqa init` makes it, to be copied: making Dagster's tables takes a second."""
    root = tmp_path_factory.mktemp("prepared")
    settings = Settings.from_environment({"CALLQA_FIRST_DAY": FIRST_DAY}, home=root)
    prepare_home(settings, switch=False)
    close_files()
    return settings.home


@pytest.fixture
def dagster_home(home: Home, prepared: Home) -> Home:
    """The same, with Dagster's instance in it."""
    shutil.copytree(prepared.dagster, home.dagster, dirs_exist_ok=True)
    shutil.copyfile(prepared.record, home.record)
    return Home.open(home.root)


@pytest.fixture(autouse=True)
def _close_dagster_s_files() -> Iterator[None]:
    yield
    close_files()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """URL of a PostgreSQL database in which schemas may be created."""
    return os.environ[SERVER]


@contextmanager
def create_schema(server: str) -> Iterator[str]:
    """The URL of an empty schema of its own, dropped afterwards."""
    name = f"callqa_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    url = engine.url.update_query_dict({"options": f"-csearch_path={name}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(name, cascade=True))
    engine.dispose()


@pytest.fixture
def postgres_schema(postgres_server: str) -> Iterator[str]:
    """The URL of an empty schema on PostgreSQL."""
    with create_schema(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_schema(postgres_server: str) -> Iterator[Warehouse]:
    """A migrated schema on PostgreSQL, to be emptied by each test that uses it."""
    with create_schema(postgres_server) as url:
        warehouse = Warehouse(url)
        warehouse.migrate()
        yield warehouse
        warehouse.engine.dispose()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """'sqlite', or in tests marked `both_engines` also 'postgresql'."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def empty_database(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return request.getfixturevalue("postgres_schema")


@pytest.fixture
def warehouse(engine: str, home: Home, request: pytest.FixtureRequest) -> Warehouse:
    """A migrated, empty warehouse: on SQLite that of the home."""
    if engine == "sqlite":
        return open_warehouse(home.database_url)
    emptied: Warehouse = request.getfixturevalue("migrated_schema")
    names = ", ".join(table.name for table in metadata.sorted_tables)
    with emptied.write() as connection:
        connection.execute(sa.text(f"TRUNCATE {names}"))
    return emptied


@pytest.fixture(scope="session")
def process_once(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Home]:
    """A home processed once a session for each way to write its calls; not to be changed."""

    @functools.cache
    def process(write_calls: Callable[[Path], None], rules_text: str) -> Home:
        home = Home(tmp_path_factory.mktemp("processed"))
        home.create_folders()
        shutil.copyfile(migrated, home.database)
        (home.root / "rules.yaml").write_text(rules_text)
        write_calls(home.drop)
        warehouse = Warehouse(home.database_url)
        DirectRun(home, warehouse, home.root / "rules.yaml").run(FakeModels())
        warehouse.engine.dispose()
        return home

    return process


@pytest.fixture
def process_calls(
    engine: str,
    home: Home,
    rules: Path,
    warehouse: Warehouse,
    process_once: Callable[..., Home],
) -> Callable[..., DirectRun]:
    """Make the home one whose calls the fake models have processed: on SQLite a copy."""

    def process(
        write_calls: Callable[[Path], None], rules_text: str = RULES.format(threshold=0.5)
    ) -> DirectRun:
        rules.write_text(rules_text)
        direct = DirectRun(home, warehouse, rules)
        if engine == "sqlite":
            copy_home(process_once(write_calls, rules_text), home)
        else:
            write_calls(home.drop)
            direct.run(FakeModels())
        return direct

    return process


def copy_home(source: Home, target: Home) -> None:
    """Files and rows, those of an empty home replaced; its own drop folder is the rows' one."""
    shutil.copytree(
        source.root,
        target.root,
        ignore=shutil.ignore_patterns("callqa.db*"),
        dirs_exist_ok=True,
    )
    with (
        closing(sqlite3.connect(source.database)) as rows,
        closing(sqlite3.connect(target.database)) as copied,
    ):
        rows.backup(copied)
        with copied:
            copied.execute("UPDATE intake SET drop_root = ?", (DropFolder(target.drop).root,))


@pytest.fixture
def rules(home: Home) -> Path:
    """A rules file with one anger rule, made for the toy models."""
    path = home.root / "rules.yaml"
    path.write_text(RULES.format(threshold=0.5))
    return path
