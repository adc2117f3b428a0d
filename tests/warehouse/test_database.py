"""Opening the warehouse: errors name the cure and never a password; times are UTC."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from callqa_assets.warehouse.database import Warehouse, WarehouseError
from callqa_assets.warehouse.tables import dirty_days

SECRET = "s3cret"


@pytest.mark.parametrize(
    "url",
    [
        f"no url {SECRET}",
        f"postgresql+nodriver://user:{SECRET}@host/db",
        f"postgresql+psycopg2://user:{SECRET}@host:port/db",
        f"postgresql+psycopg2://user:{SECRET}@host:54{SECRET}/db",
        f"nosuchdatabase://user:{SECRET}@host/db",
    ],
)
def test_a_wrong_url_is_refused_with_an_example_and_without_its_password(url):
    with pytest.raises(WarehouseError, match="CALLQA_WAREHOUSE_URL") as caught:
        Warehouse(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg2://user:{SECRET}@localhost:1/db",
        f"postgresql+psycopg2://localhost:1/db?user=user&password={SECRET}",
    ],
)
def test_the_label_and_the_error_of_a_server_that_is_away_show_no_password(url):
    pytest.importorskip("psycopg2", reason="no PostgreSQL driver: install the 'postgres' extra")
    warehouse = Warehouse(url)
    assert SECRET not in warehouse.label
    with pytest.raises(WarehouseError, match="CALLQA_WAREHOUSE_URL") as caught:
        warehouse.require_current()
    assert SECRET not in str(caught.value)
    assert "localhost" in str(caught.value)


@pytest.mark.both_engines
def test_a_time_without_zone_is_refused(warehouse):
    with pytest.raises(sa.exc.StatementError, match="naive datetime"), warehouse.write() as c:
        c.execute(
            sa.insert(dirty_days).values(
                day="2025-03-14", generation=1, done_generation=0, changed_at=datetime(2025, 3, 14)
            )
        )


@pytest.mark.both_engines
def test_a_time_comes_back_in_utc(warehouse):
    shanghai = timezone(timedelta(hours=8))
    with warehouse.write() as connection:
        connection.execute(
            sa.insert(dirty_days).values(
                day="2025-03-14",
                generation=1,
                done_generation=0,
                changed_at=datetime(2025, 3, 14, 8, 30, tzinfo=shanghai),
            )
        )
    with warehouse.read() as connection:
        row = connection.execute(sa.select(dirty_days)).one()
    assert row.changed_at == datetime(2025, 3, 14, 0, 30, tzinfo=UTC)
    assert row.changed_at.utcoffset() == timedelta(0)
    assert row.day == "2025-03-14"


@pytest.mark.both_engines
def test_an_error_does_not_repeat_what_was_to_be_stored(warehouse):
    with pytest.raises(sa.exc.IntegrityError) as caught, warehouse.write() as connection:
        connection.execute(
            sa.text("INSERT INTO rule_sets (rule_hash, yaml) VALUES (:hash, :yaml)"),
            {"hash": "0", "yaml": "what a customer said"},
        )
    shown = "".join(traceback.format_exception(caught.value))
    assert "what a customer said" not in shown
    assert "accepted_at" in shown


@pytest.mark.both_engines
def test_a_failed_write_leaves_nothing(warehouse):
    with pytest.raises(RuntimeError), warehouse.write() as connection:
        connection.execute(
            sa.insert(dirty_days).values(
                day="2025-03-14", generation=1, done_generation=0, changed_at=datetime.now(UTC)
            )
        )
        raise RuntimeError
    with warehouse.read() as connection:
        assert connection.execute(sa.select(dirty_days)).all() == []
