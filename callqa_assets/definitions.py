"""The Dagster code location: assets, checks, jobs, sensors and the resources they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from callqa_assets import checks
from callqa_assets.assets.alerts import alerts
from callqa_assets.assets.emotions import emotion_scores
from callqa_assets.assets.recordings import raw_recordings
from callqa_assets.assets.segments import vad_segments
from callqa_assets.assets.transcripts import transcripts
from callqa_assets.jobs import process_calls
from callqa_assets.sensors.alert_deliveries import alert_deliveries_sensor
from callqa_assets.sensors.dead_runs import dead_runs_sensor
from callqa_assets.sensors.drop_folder import drop_folder_sensor
from resources.dagster_resources import resources_from_environment


def log_progress(stage: str, day: str, done: int, total: int) -> None:
    """Progress of a stage, for the run's compute log."""
    print(f"{day} {stage}: {done} of {total} recordings", flush=True)


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Fresh definitions; `resource_overrides` replaces resources by name (tests, `callqa run`)."""
    return dg.Definitions(
        assets=[raw_recordings, vad_segments, transcripts, emotion_scores, alerts],
        asset_checks=checks.ALL,
        jobs=[process_calls],
        sensors=[drop_folder_sensor, dead_runs_sensor, alert_deliveries_sensor],
        # One process and one load of the models a run: a process per step would load them anew.
        executor=dg.in_process_executor,
        resources={
            **resources_from_environment(),
            "progress": dg.ResourceDefinition.hardcoded_resource(log_progress),
            **(resource_overrides or {}),
        },
    )


defs = build_defs()
