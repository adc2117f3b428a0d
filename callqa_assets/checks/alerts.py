"""Checks on `alerts`."""

from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from callqa_assets.checks.day_checks import (
    anomaly_check,
    stage_checks,
)
from callqa_assets.domain.alerts.volume import judge_volume
from callqa_assets.domain.days import TRAILING_DAYS, trailing_days
from callqa_assets.stages.alerts import STAGE
from callqa_assets.warehouse.alerts import read_volume
from callqa_assets.warehouse.rule_sets import read_rules
from resources.dagster_resources import RulesResource, WarehouseResource
from resources.storage.config_files import read_rules_file

_EVIDENCE = ("audio_sha256", "model_fingerprints", "found", "said")


def _find_odd_volume(connection: sa.Connection, day: str) -> str | None:
    *past, today = read_volume(connection, trailing_days(day))
    return "; ".join(judge_volume(today, past)) or None


@dg.asset_check(
    asset=STAGE.asset,
    description="The rules file is the one in force; a bad file leaves the last good one there.",
)
def rules_file_is_in_force(
    warehouse: dg.ResourceParam[WarehouseResource], rules: RulesResource
) -> dg.AssetCheckResult:
    problem = read_rules(warehouse.open(), read_rules_file(Path(rules.path))).problem
    return dg.AssetCheckResult(
        passed=problem is None,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"problem": problem} if problem else {},
    )


CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_was_evaluated",
        failures="Recordings on which the rules could not be evaluated.",
    ),
    anomaly_check(
        STAGE.asset,
        "alert_volume",
        f"The number of alerts, by rule and in all, is as expected from the {TRAILING_DAYS} days "
        "before.",
        _find_odd_volume,
    ),
    rules_file_is_in_force,
]
