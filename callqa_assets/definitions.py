"""The Dagster code location: assets, checks, jobs, sensors and the resources they use."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import dagster as dg

from callqa_assets import assets, checks
from callqa_assets.assets.daily_asset import DailyAsset
from callqa_assets.assets.marts import MartAssets
from callqa_assets.jobs import daily_checks, process_calls, publish_marts
from callqa_assets.partitions import daily_partitions
from callqa_assets.sensors.alert_deliveries import alert_deliveries_sensor
from callqa_assets.sensors.dead_runs import dead_runs_sensor
from callqa_assets.sensors.drop_folder import drop_folder_sensor
from callqa_assets.sensors.publication import publication_schedules
from resources.dagster_resources import build_resources
from resources.settings import Settings


def log_progress(stage: str, day: str, done: int, total: int) -> None:
    """Progress of a stage, for the run's compute log."""
    print(f"{day} {stage}: {done} of {total} recordings", flush=True)


def build_defs(
    settings: Settings, *, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Fresh definitions; `resource_overrides` replaces resources by name (tests, `callqa run`)."""
    days = daily_partitions(settings.home.calendar)
    return dg.Definitions(
        assets=[asset.build(days) for asset in _find_assets()],
        asset_checks=dg.load_asset_checks_from_package_module(checks),
        jobs=[process_calls, publish_marts, daily_checks],
        schedules=publication_schedules(settings.home.calendar),
        sensors=[drop_folder_sensor, dead_runs_sensor, alert_deliveries_sensor],
        # One process per run, so that models load once: one per step would load them again.
        executor=dg.in_process_executor,
        resources={
            **build_resources(settings),
            "progress": dg.ResourceDefinition.hardcoded_resource(log_progress),
            **(resource_overrides or {}),
        },
    )


def _find_assets() -> list[DailyAsset | MartAssets]:
    """The daily assets in the modules of `assets`."""
    modules = (
        importlib.import_module(f"{assets.__name__}.{module.name}")
        for module in pkgutil.iter_modules(assets.__path__)
    )
    found = (value for module in modules for value in vars(module).values())
    return [value for value in found if isinstance(value, DailyAsset | MartAssets)]


defs = build_defs(Settings.from_environment())
