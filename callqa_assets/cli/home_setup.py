"""`callqa init`: a home that is ready to be used. Every command that works on a home calls it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import dagster as dg

from callqa_assets.domain.errors import CallqaError
from callqa_assets.partitions import GPU_POOL
from callqa_assets.warehouse.database import Warehouse
from resources.speech_models.profiles import load_profile
from resources.storage.atomic import write_atomically
from resources.storage.home import Home, configs_folder


class HomeError(CallqaError):
    """The home cannot be used as asked; the message says what to do."""


def prepare_home(home: Home, warehouse_url: str, profile: str, *, switch: bool) -> None:
    """Create or update a home: folders, Dagster's settings and storage, warehouse tables, profile.

    Several processes may call it at once. Raises HomeError where the home was used with another
    model profile and `switch` is off: the profile decides what is computed anew; ProfileError
    where there is no such profile.
    """
    load_profile(configs_folder() / "models.yaml", profile)
    home.create_folders()
    with home.lock("init"):
        _record_profile(home.root / "callqa.json", profile, switch=switch)
        settings = home.dagster / "dagster.yaml"
        if not settings.exists():
            shutil.copyfile(configs_folder() / "dagster.yaml", settings)
        os.environ["DAGSTER_HOME"] = str(home.dagster)
        with dg.DagsterInstance.get() as instance:
            # Explicitly: the first run in a fresh home would not heed the default limit.
            storage = instance.event_log_storage
            if GPU_POOL not in storage.get_concurrency_keys():
                storage.set_concurrency_slots(GPU_POOL, 1)
        Warehouse(warehouse_url).migrate()


def _record_profile(path: Path, profile: str, *, switch: bool) -> None:
    if path.exists():
        before = json.loads(path.read_text("utf-8"))["profile"]
        if before == profile:
            return
        if not switch:
            raise HomeError(
                f"{path.parent} was heard with the profile {before!r}; with {profile!r} every day "
                f"that is run again is computed anew. Say --switch if that is meant"
            )
    with write_atomically(path) as file:
        file.write(json.dumps({"profile": profile}).encode())
