"""A home is made once, by whoever comes first, and records the profile it was used with."""

from __future__ import annotations

import json
import os
import shutil
from copy import deepcopy
from pathlib import Path

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.cli.home_setup import GPU_POOL, HomeError, open_instance, prepare_home
from callqa_assets.definitions import build_defs
from callqa_assets.domain.days import DEFAULT_CALENDAR, Calendar
from callqa_assets.warehouse.database import open_warehouse
from resources.settings import Settings
from resources.speech_models.profiles import ProfileError
from resources.storage.home import REPO, Home
from tests.support.processes import run_processes


@pytest.fixture
def two_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configurations that know 'compact' and 'other'."""
    folder = tmp_path / "configs"
    shutil.copytree(REPO / "configs", folder)
    path = folder / "models.yaml"
    profiles = yaml.safe_load(path.read_text("utf-8"))
    profiles["profiles"]["other"] = deepcopy(profiles["profiles"]["compact"])
    path.write_text(yaml.safe_dump(profiles), "utf-8")
    monkeypatch.setenv("CALLQA_CONFIGS", str(folder))


def prepare_with_others(barrier, root: Path) -> None:
    settings = Settings.from_environment({}, home=root)
    barrier.wait(120)
    prepare_home(settings, switch=False)
    with open_instance(settings.home) as instance:
        assert instance.get_runs_count() == 0
    settings.open_warehouse()


@pytest.mark.integration
def test_four_processes_that_make_one_home_at_once_all_succeed(tmp_path):
    assert run_processes(prepare_with_others, tmp_path / "fresh", count=4) == [0] * 4


def test_init_may_be_repeated_and_keeps_what_is_there(tmp_path, home):
    target = tmp_path / "made"
    runner = CliRunner()
    first = runner.invoke(app, ["init", "--home", str(target)])
    assert first.exit_code == 0, first.output
    settings = target / "dagster" / "dagster.yaml"
    settings.write_text(settings.read_text() + "# mine\n")
    (target / "drop" / "call.wav").write_bytes(b"a call")
    second = runner.invoke(app, ["init", "--home", str(target)])
    assert second.exit_code == 0, second.output
    assert str(target / "drop") in second.output
    assert settings.read_text().endswith("# mine\n")
    assert (target / "drop" / "call.wav").is_file()
    open_warehouse(Home(target).database_url)


def test_a_home_named_on_the_command_line_has_its_own_database(tmp_path, home, monkeypatch):
    """Else a try-out with --home would write into the production warehouse."""
    monkeypatch.setenv("CALLQA_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'production.db'}")
    before = dict(os.environ)
    result = CliRunner().invoke(app, ["init", "--home", str(tmp_path / "made")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "made" / "callqa.db").is_file()
    assert not (tmp_path / "production.db").exists()
    assert dict(os.environ) == before


def test_another_profile_needs_switch_and_the_error_names_it(dagster_home, two_profiles):
    with pytest.raises(HomeError, match=r"'compact'.*'other'.*--switch"):
        prepare_home(Settings.from_environment(profile="other"), switch=False)
    prepare_home(Settings.from_environment(profile="compact"), switch=False)
    prepare_home(Settings.from_environment(profile="other"), switch=True)
    with pytest.raises(HomeError, match="--switch"):
        prepare_home(Settings.from_environment(profile="compact"), switch=False)


def test_a_profile_that_does_not_exist_is_refused_and_not_remembered(home):
    """Else the typing error would have to be 'switched' away from."""
    with pytest.raises(ProfileError, match="compcat"):
        prepare_home(Settings.from_environment(profile="compcat"), switch=False)
    prepare_home(Settings.from_environment(), switch=False)
    assert json.loads((home.root / "callqa.json").read_text())["profile"] == "compact"


def test_the_models_pool_has_one_slot_from_the_first_run_on(dagster_home):
    with dg.DagsterInstance.get() as instance:
        info = instance.event_log_storage.get_concurrency_info(GPU_POOL)
    assert info.slot_count == 1


# The calendar -------------------------------------------------------------------------------


def test_a_home_keeps_the_calendar_that_it_was_made_with(tmp_path):
    environment = {"CALLQA_TIMEZONE": "Europe/Berlin", "CALLQA_FIRST_DAY": "2015-06-01"}
    made = Settings.from_environment(environment, home=tmp_path / "berlin")
    prepare_home(made, switch=False)
    again = Settings.from_environment({}, home=tmp_path / "berlin")
    assert again.home.calendar == made.home.calendar == Calendar("Europe/Berlin", "2015-06-01")
    days = build_defs(again).resolve_assets_def("alerts").partitions_def
    assert isinstance(days, dg.DailyPartitionsDefinition)
    assert days.get_first_partition_key() == "2015-06-01"
    assert str(days.timezone) == "Europe/Berlin"


def test_a_home_that_says_nothing_has_the_default_calendar(tmp_path):
    """Homes made before the calendar was recorded are partitioned by the default."""
    home = Home(tmp_path)
    home.record.write_text('{"profile": "compact"}')
    assert Home.open(tmp_path).calendar == DEFAULT_CALENDAR
    with pytest.raises(HomeError, match="Asia/Shanghai"):
        Home.open(tmp_path, timezone="UTC")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CALLQA_TIMEZONE", "UTC"), ("CALLQA_FIRST_DAY", "2019-01-01")],
)
def test_another_calendar_is_refused_with_its_cure(tmp_path, variable, value):
    prepare_home(Settings.from_environment({}, home=tmp_path / "made"), switch=False)
    with pytest.raises(HomeError, match=rf"{variable}.*'{value}'.*unset the variable"):
        Settings.from_environment({variable: value}, home=tmp_path / "made")


@pytest.mark.parametrize(
    ("variable", "value"), [("CALLQA_TIMEZONE", "Shanghai"), ("CALLQA_FIRST_DAY", "1.1.2020")]
)
def test_an_invalid_calendar_is_refused(tmp_path, variable, value):
    with pytest.raises(HomeError, match=f"{variable}.*{value}"):
        Settings.from_environment({variable: value}, home=tmp_path / "new")


def test_settings_neither_write_the_environment_nor_show_its_secrets(tmp_path):
    environment = {"CALLQA_WAREHOUSE_URL": "postgresql://me:secret@db/calls", "TOKEN": "secret"}
    settings = Settings.from_environment(environment, drop=tmp_path)
    assert "secret" not in repr(settings)
    assert environment.keys() == {"CALLQA_WAREHOUSE_URL", "TOKEN"}
    assert settings.for_child_process()["CALLQA_DROP"] == str(tmp_path)
