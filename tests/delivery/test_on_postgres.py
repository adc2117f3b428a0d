"""Delivery on PostgreSQL: the tests that hold it on SQLite."""

from __future__ import annotations

from tests.delivery.test_drain import *  # noqa: F403
from tests.delivery.test_outbox import *  # noqa: F403
from tests.delivery.test_storm import *  # noqa: F403
from tests.warehouse.test_postgres import schema, warehouse  # noqa: F401
