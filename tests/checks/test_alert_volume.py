"""The check on a day's number of alerts, and its plot, through Dagster."""

from __future__ import annotations

import base64

import dagster as dg
import pytest

from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.domain.days import trailing_days
from resources.settings import Settings
from tests.support.calls import write_call
from tests.support.fake_models import FakeModels

DAY = "2025-03-14"


@pytest.mark.integration
def test_a_flood_warns_in_dagster_and_the_day_carries_its_plot(dagster_home, rules, monkeypatch):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    for n, day in enumerate(trailing_days(DAY)[-7:]):
        write_call(dagster_home.drop, day, seed=n)
    for n in range(4):
        write_call(dagster_home.drop, DAY, f"20{n}", seed=10 + n, anger=0.2)
    models = dg.ResourceDefinition.hardcoded_resource(FakeModels())
    result = process_drop_folder(
        Settings.from_environment(),
        lambda *_: None,
        copy=False,
        resource_overrides={"speech_models": models},
    )
    assert result.failed_runs == {}
    with dg.DagsterInstance.get() as instance:
        records = instance.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        )
        materialized = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey("alerts"), asset_partitions=[DAY]), limit=1
        ).records
    results = [r.event_log_entry.dagster_event.asset_check_evaluation_data for r in records]
    (volume_check,) = (r for r in results if r.check_name == "alert_volume")
    assert not volume_check.passed
    assert volume_check.severity == dg.AssetCheckSeverity.WARN
    (finding,) = volume_check.metadata["failing_days"].records
    assert finding.data["day"] == DAY
    picture = materialized[0].asset_materialization.metadata["alert_volume"].value
    assert base64.b64decode(picture.split("base64,")[1][:-1])[1:4] == b"PNG"
