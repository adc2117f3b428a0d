"""A home and its warehouse carry the same id, so that neither works with another's other half."""

from __future__ import annotations

import uuid

from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.home_identity import (
    knows_archived_files,
    read_home_id,
    write_home_id,
)
from resources.storage.home import Home, HomeError


def require_pair(home: Home, warehouse: Warehouse) -> None:
    """Raise HomeError where the warehouse is another home's, or has lost this one's rows.

    Both may be new, or of a version that gave no ids: `pair` makes them one.
    """
    require_same_home(home, warehouse)
    with warehouse.read() as connection:
        is_new = read_home_id(connection) is None and not knows_archived_files(connection)
    if is_new and home.holds_recordings():
        raise HomeError(
            f"the warehouse {warehouse.label} is empty, and {home.archive} is not: check "
            "CALLQA_WAREHOUSE_URL and restore the backup of the warehouse, or make its rows again "
            "from the archive with `callqa rebuild`"
        )


def require_same_home(home: Home, warehouse: Warehouse) -> None:
    """Raise HomeError where the warehouse is another home's."""
    with warehouse.read() as connection:
        recorded = read_home_id(connection)
    if recorded is not None and recorded != home.read_record().get("id"):
        raise HomeError(
            f"the warehouse {warehouse.label} belongs to another home than {home.root}: correct "
            f"CALLQA_HOME or CALLQA_WAREHOUSE_URL, or restore {home.record.name} from the backup "
            "of the home"
        )


def pair(home: Home, warehouse: Warehouse) -> None:
    """Give a home and its warehouse one id where they have none. Under the lock `init`.

    The home first: killed in between, the next call goes on.
    """
    home_id = home.read_record().get("id") or uuid.uuid4().hex
    home.update_record(id=home_id)
    with warehouse.write(lock="home") as connection:
        recorded = read_home_id(connection)
        if recorded is None:
            write_home_id(connection, home_id)
    if recorded not in (None, home_id):  # another home was faster
        require_same_home(home, warehouse)
