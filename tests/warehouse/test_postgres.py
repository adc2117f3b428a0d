"""What only a server can break: several writers at once, and columns with a length."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse, WarehouseError
from callqa_assets.warehouse.ledger import Ledger
from callqa_assets.warehouse.recordings import read_recording, update_metadata
from tests.stages.test_claims import DAY, cut
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def test_the_tests_of_this_module_run_on_postgresql(warehouse):
    assert warehouse.engine.dialect.name == "postgresql"


def test_homes_that_share_a_server_may_migrate_it_at_once(engine, empty_database):
    warehouses = [Warehouse(empty_database) for _ in range(4)]
    with pytest.raises(WarehouseError, match="callqa init"):
        warehouses[0].require_current()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Warehouse.migrate, warehouses))
    for warehouse in warehouses:
        warehouse.require_current()
        warehouse.engine.dispose()


def test_a_call_cannot_change_its_day_between_the_claim_check_and_the_commit(
    home, warehouse, rules
):
    """SQLite has one writer; here the rows would be written under the day that was left."""
    write_call(home.drop, DAY)
    direct = DirectRun(home, warehouse, rules)
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)

    def move() -> None:
        with warehouse.write() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '300ms'"))
            row = read_recording(connection, recording["recording_id"])
            assert row is not None
            update_metadata(connection, row.recording_id, "2025-03-15", {"agent_id": "lina"})

    def hold(model: str, items) -> None:
        (row,) = read_rows(warehouse, tables.stage_runs)
        stage = direct.stages(FakeModels())[0]
        holder = Ledger(
            warehouse, stage.inputs, stage.fingerprint, DAY, "run", claim_token=row["claimed_by"]
        )
        with warehouse.write() as committing:
            days = holder.own_days(committing, [row["recording_id"]])
            assert days == {recording["recording_id"]: DAY}
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                move()

    assert cut(direct, FakeModels(before=hold)).computed == 1
    move()
    assert {r["day"] for r in read_rows(warehouse, tables.segments)} == {"2025-03-15"}


def test_a_role_as_long_as_the_configuration_allows_can_be_stored(home, warehouse, rules):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.json").write_text(
        f'{{"started_at": "{DAY} 09:00:00", "channel_roles": ["{"a" * 32}", "customer"]}}'
    )
    reports = DirectRun(home, warehouse, rules).run(FakeModels())
    assert not any(report.failed for report in reports.values())
