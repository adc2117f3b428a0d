"""A home with an empty warehouse."""

from __future__ import annotations

from pathlib import Path

from resources.storage.home import Home


def make_home(folder: Path) -> Home:
    """A home in this folder, its tables as they are now."""
    from callqa_assets.warehouse.database import Warehouse

    home = Home(folder)
    home.create_folders()
    warehouse = Warehouse(home.database_url)
    warehouse.migrate()
    warehouse.engine.dispose()
    return home
