"""`callqa init`: a home that is ready to be used. Every command that works on a home calls it."""

from __future__ import annotations

import shutil

import dagster as dg

from callqa_assets.partitions import GPU_POOL
from callqa_assets.warehouse.database import Warehouse
from resources.settings import Settings
from resources.storage.home import Home, HomeError
from resources.storage.pairing import pair, require_pair


def prepare_home(settings: Settings, *, switch: bool, to_rebuild: bool = False) -> None:
    """Create or update a home: folders, Dagster's settings and storage, warehouse tables, record.

    Several processes may call it at once. Raises HomeError where the home was used with another
    model profile and `switch` is off: the profile decides what is computed again, or where home and
    warehouse do not belong together, unless it is `to_rebuild`; ProfileError where there is no such
    profile.
    """
    settings.load_profile()
    home = settings.home
    home.create_folders()
    with home.lock("init"):
        _record(home, settings.profile, switch=switch)
        instance_file = home.dagster / "dagster.yaml"
        if not instance_file.exists():
            shutil.copyfile(settings.configs / "dagster.yaml", instance_file)
        with open_instance(home) as instance:
            # Explicitly: the first run in a new home would ignore the default limit.
            storage = instance.event_log_storage
            if GPU_POOL not in storage.get_concurrency_keys():
                storage.set_concurrency_slots(GPU_POOL, 1)
        warehouse = Warehouse(settings.warehouse_url)
        warehouse.migrate()
        if not to_rebuild:
            require_pair(home, warehouse)
            pair(home, warehouse)


def open_instance(home: Home) -> dg.DagsterInstance:
    """Dagster's instance of a home, whatever DAGSTER_HOME says."""
    return dg.DagsterInstance.from_config(str(home.dagster))


def _record(home: Home, profile: str, *, switch: bool) -> None:
    """Record profile and calendar where they differ from the recorded ones."""
    before = home.read_record()
    used = before.get("profile")
    if used not in (None, profile) and not switch:
        raise HomeError(
            f"{home.root} was used with the profile {used!r}; with {profile!r}, every day that is "
            "run again is computed again. Give --switch if that is intended"
        )
    calendar = home.calendar
    if before:  # another process may have made the home since it was opened
        Home.open(home.root, timezone=calendar.timezone, first_day=calendar.first_day)
    home.update_record(profile=profile, timezone=calendar.timezone, first_day=calendar.first_day)
