"""The contract on PostgreSQL: the tests that hold it on SQLite, and what only a server can break.

Runs where CALLQA_TEST_POSTGRES_URL names a database in which schemas may be created, such as
postgresql+psycopg://callqa@localhost/callqa_test.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse, WarehouseError
from callqa_assets.warehouse.ledger import Ledger
from callqa_assets.warehouse.recordings import read_recording, update_metadata
from tests.ingestion.test_discovery import *  # noqa: F403
from tests.stages.test_claims import *  # noqa: F403
from tests.stages.test_claims import DAY, DirectHearing, FakeModels, cut
from tests.stages.test_contract import *  # noqa: F403
from tests.stages.test_stored_calls import *  # noqa: F403
from tests.support.calls import write_call
from tests.support.snapshot import read_rows
from tests.warehouse.test_alert_volume import *  # noqa: F403
from tests.warehouse.test_database import (  # noqa: F401
    test_a_failed_write_leaves_nothing,
    test_a_time_comes_back_in_utc,
    test_a_time_without_zone_is_refused,
)
from tests.warehouse.test_documented_queries import *  # noqa: F403
from tests.warehouse.test_reviews import *  # noqa: F403

SERVER = os.environ.get("CALLQA_TEST_POSTGRES_URL")
if not SERVER:
    pytest.skip("no PostgreSQL: set CALLQA_TEST_POSTGRES_URL", allow_module_level=True)


@pytest.fixture
def schema() -> Iterator[str]:
    """The URL of an empty schema of its own, dropped afterwards."""
    server = sa.make_url(SERVER)
    name = f"callqa_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    yield server.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(
        hide_password=False
    )
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


@pytest.fixture
def warehouse(schema: str) -> Iterator[Warehouse]:
    """In place of the home's SQLite file, for every test of this module."""
    opened = Warehouse(schema)
    opened.migrate()
    yield opened
    opened.engine.dispose()


def test_the_tests_of_this_module_run_on_postgresql(warehouse):
    assert warehouse.engine.dialect.name == "postgresql"


def test_the_migrations_build_exactly_the_tables_of_the_code(warehouse):
    with warehouse.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_homes_that_share_a_server_may_migrate_it_at_once(schema):
    warehouses = [Warehouse(schema) for _ in range(4)]
    with pytest.raises(WarehouseError, match="callqa init"):
        warehouses[0].require_current()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Warehouse.migrate, warehouses))
    for warehouse in warehouses:
        warehouse.require_current()
        warehouse.engine.dispose()


def test_a_call_cannot_move_between_the_look_at_its_day_and_the_commit(home, warehouse, hearing):
    """SQLite has one writer; here the rows would be written under the day that was left."""
    write_call(home.drop, DAY)
    hearing.take_in()
    (recording,) = read_rows(warehouse, tables.recordings)

    def move() -> None:
        with warehouse.write() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '300ms'"))
            row = read_recording(connection, recording["recording_id"])
            assert row is not None
            update_metadata(connection, row.recording_id, "2025-03-15", {"agent_id": "lina"})

    def hold(model: str, items) -> None:
        (row,) = read_rows(warehouse, tables.stage_runs)
        stage = hearing.stages(FakeModels())[0]
        holder = Ledger(
            warehouse, stage.inputs, stage.fingerprint, DAY, "run", claim_token=row["claimed_by"]
        )
        with warehouse.write() as committing:
            days = holder.own_days(committing, [row["recording_id"]])
            assert days == {recording["recording_id"]: DAY}
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                move()

    assert cut(hearing, FakeModels(before=hold)).computed == 1
    move()
    assert {r["day"] for r in read_rows(warehouse, tables.segments)} == {"2025-03-15"}


def test_a_role_as_long_as_the_configuration_allows_can_be_stored(home, warehouse, rules):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.json").write_text(
        f'{{"started_at": "{DAY} 09:00:00", "channel_roles": ["{"a" * 32}", "customer"]}}'
    )
    reports = DirectHearing(home, warehouse, rules).hear(FakeModels())
    assert [report.failed for report in reports.values()] == [{}] * 4
