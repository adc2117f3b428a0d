"""A home works with its own warehouse only."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.home_identity import read_home_id
from resources.storage.home import Home, HomeError
from resources.storage.pairing import pair, require_pair

pytestmark = pytest.mark.both_engines


def test_a_home_and_its_warehouse_get_one_id_and_keep_it(home, warehouse):
    require_pair(home, warehouse)
    pair(home, warehouse)
    given = home.read_record()["id"]
    pair(home, warehouse)
    with warehouse.read() as connection:
        assert read_home_id(connection) == home.read_record()["id"] == given
    require_pair(home, warehouse)


def test_a_home_killed_between_its_id_and_the_warehouse_s_goes_on(home, warehouse):
    home.update_record(id="a" * 32)
    pair(home, warehouse)
    with warehouse.read() as connection:
        assert read_home_id(connection) == "a" * 32


@pytest.mark.parametrize("was_used", [True, False])
def test_another_home_s_warehouse_is_refused(home, warehouse, tmp_path, was_used):
    pair(home, warehouse)
    other = Home(tmp_path / "other")
    other.create_folders()
    if was_used:
        other.update_record(id="b" * 32)
    with pytest.raises(HomeError, match="belongs to another home"):
        require_pair(other, warehouse)
    with pytest.raises(HomeError, match="belongs to another home"):
        pair(other, warehouse)


def test_the_commands_refuse_a_lost_database_and_rebuild_adopts_the_new_one(tmp_path):
    root = tmp_path / "made"
    runner = CliRunner()
    assert runner.invoke(app, ["init", "--home", str(root)]).exit_code == 0
    (root / "archive" / "ab").mkdir()
    (root / "archive" / "ab" / "abc.wav").write_bytes(b"a call")
    for left in root.glob("callqa.db*"):
        left.unlink()
    Warehouse(f"sqlite:///{root / 'callqa.db'}").migrate()
    refused = runner.invoke(app, ["init", "--home", str(root)])
    assert isinstance(refused.exception, HomeError)
    assert "callqa rebuild" in str(refused.exception)
    told = runner.invoke(app, ["rebuild", "--home", str(root)])
    assert told.exit_code == 1
    assert "archive/ab/abc.wav: no record beside it" in told.output
    assert runner.invoke(app, ["init", "--home", str(root)]).exit_code == 0
