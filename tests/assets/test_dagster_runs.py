"""Through Dagster, on a real instance and SQLite, with toy models: runs, ranges, checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pytest
import torch

from callqa_assets.assets import alerts, emotions
from callqa_assets.cli.headless import HeadlessResult, process_drop_folder
from callqa_assets.stages.registry import STAGES
from callqa_assets.warehouse import tables
from resources.settings import Settings
from resources.speech_models.runtime.device import Device, MemoryGuard
from resources.storage.home import Home
from tests.support.calls import write_call
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows, read_snapshot

DAY = "2025-03-14"

pytestmark = pytest.mark.integration


@pytest.fixture
def process(
    dagster_home: Home, rules, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., HeadlessResult]:
    monkeypatch.setenv("CALLQA_RULES", str(rules))

    def run(models: FakeModels, *, force: bool = False) -> HeadlessResult:
        return process_drop_folder(
            Settings.from_environment(),
            lambda *_: None,
            copy=False,
            force=force,
            resource_overrides={"speech_models": dg.ResourceDefinition.hardcoded_resource(models)},
            log_level="CRITICAL",
        )

    return run


def test_a_call_becomes_segments_transcripts_emotions_and_an_alert(home, warehouse, process):
    write_call(home.drop, DAY, anger=0.2)
    result = process(FakeModels())
    assert result.failed_runs == {}
    assert result.days == [DAY]
    (recording,) = read_rows(warehouse, tables.recordings)
    assert (recording["status"], recording["day"], recording["agent_id"]) == ("ok", DAY, "1001")
    assert recording["time_source"] == "file_name"
    assert recording["channel_roles"] == ["agent", "customer"]
    assert [(s["role"], s["start_s"]) for s in read_rows(warehouse, tables.segments)] == [
        ("agent", 0.5),
        ("customer", 2.5),
    ]
    assert len(read_rows(warehouse, tables.transcripts)) == 2
    assert [s["emotion"] for s in read_rows(warehouse, tables.emotion_scores)] == [
        "neutral",
        "angry",
    ]
    (alert,) = read_rows(warehouse, tables.alerts)
    assert (alert["rule"], alert["role"], alert["mode"]) == ("anger", "customer", "live")
    assert alert["evidence"]["audio_sha256"] == recording["content_sha256"]
    assert alert["evidence"]["said"][0]["text"].startswith("响度")
    assert list(home.drop.iterdir()) == []
    assert (home.root / recording["archive_path"]).is_file()


def test_a_second_run_computes_nothing(home, warehouse, process):
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.2)
    process(FakeModels())
    before = read_snapshot(warehouse)
    again = FakeModels()
    assert process(again).failed_runs == {}
    assert again.calls == {"vad": 0, "asr": 0, "ser": 0}
    assert read_snapshot(warehouse) == before


def test_a_range_of_31_days_is_one_run(home, warehouse, process, monkeypatch):
    # Pictures have tests of their own, and two a day would take longer than all the rest.
    monkeypatch.setattr(emotions, "emotion_day_plot", lambda *_: b"")
    monkeypatch.setattr(alerts, "alert_volume_plot", lambda *_: b"")
    days = [f"2025-03-{d:02d}" for d in range(1, 32)]
    for seed, day in enumerate(days):
        write_call(home.drop, day, seed=seed)
    result = process(FakeModels())
    assert result.days == days
    assert len(result.run_ids) == 1
    assert result.failed_runs == {}
    assert len(read_rows(warehouse, tables.transcripts)) == 62
    with dg.DagsterInstance.get() as instance:
        materialized = instance.get_materialized_partitions(dg.AssetKey("alerts"))
    assert materialized == set(days)


def test_missing_weights_fail_the_run_and_blame_no_recording(home, warehouse, process):
    write_call(home.drop, DAY)

    class NoWeights(FakeModels):
        def transcriber(self):
            raise FileNotFoundError("model.bin is missing: run `callqa models pull`")

    assert len(process(NoWeights()).failed_runs) == 1
    assert {r["stage"] for r in read_rows(warehouse, tables.stage_runs)} == {"segments", "emotions"}
    assert process(FakeModels()).failed_runs == {}
    assert {r["status"] for r in read_rows(warehouse, tables.stage_runs)} == {"ok"}


def test_a_bad_rules_file_leaves_the_last_accepted_rules_in_force(home, warehouse, process, rules):
    write_call(home.drop, DAY, "1001", anger=0.2)
    process(FakeModels())
    rules.write_text("rules: [{name: broken, emotion: furious}]")
    write_call(home.drop, DAY, "1002", anger=0.2, seed=5)
    assert process(FakeModels()).failed_runs == {}
    assert len(read_rows(warehouse, tables.alerts)) == 2
    with dg.DagsterInstance.get() as instance:
        checks = _check_results(instance)
    assert checks["rules_file_is_in_force"] is False


def test_one_bad_recording_fails_alone_after_three_attempts(home, warehouse, process):
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.05 + 0.05 * seed)

    def choke(model, items):
        if model == "asr" and any(float(abs(c.waveform).max()) > 0.2 for c in items):
            raise RuntimeError("too loud for me")

    models = FakeModels(before=choke)
    assert process(models).failed_runs == {}
    runs = [r for r in read_rows(warehouse, tables.stage_runs) if r["stage"] == "transcripts"]
    (failed,) = [r for r in runs if r["status"] == "failed"]
    assert len(runs) == 3
    assert (failed["attempts"], failed["error"]) == (3, "RuntimeError: too loud for me")
    blocked = [r for r in read_rows(warehouse, tables.stage_runs) if r["status"] == "blocked"]
    assert {row["recording_id"] for row in blocked} == {failed["recording_id"]}
    downstream = {stage.name for stage in STAGES if "transcripts" in stage.upstream}
    assert {row["stage"] for row in blocked} == downstream
    with dg.DagsterInstance.get() as instance:
        assert _check_results(instance)["transcripts_failures"] is False
    cured = FakeModels()
    process(cured, force=True)
    assert not [r for r in read_rows(warehouse, tables.stage_runs) if r["status"] != "ok"]


def test_a_day_s_metadata_names_the_model_and_how_often_it_had_no_room(home, process):
    write_call(home.drop, DAY, "1001", seed=1, anger=0.2)
    write_call(home.drop, DAY, "1002", seed=2, anger=0.2)

    def hear_two_at_most(batch: Sequence[object]) -> Sequence[object]:
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return batch

    def before(model: str, items: Sequence[object]) -> None:
        if model == "asr":
            MemoryGuard(Device("cpu", "fp32", 1)).compute(items, hear_two_at_most)

    assert process(FakeModels(before=before)).failed_runs == {}
    with dg.DagsterInstance.get() as instance:
        metadata = {
            asset: _metadata(instance, asset) for asset in ("transcripts", "emotion_scores")
        }
    assert metadata["transcripts"]["model"] == "toy-asr"
    assert metadata["transcripts"]["weights_sha256"] == "0" * 64
    assert metadata["transcripts"]["out_of_memory_halvings"] == 1
    assert metadata["emotion_scores"]["model"] == "toy-ser"
    assert metadata["emotion_scores"]["out_of_memory_halvings"] == 0


def _metadata(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def _check_results(instance: dg.DagsterInstance) -> dict[str, bool]:
    """Name to the latest outcome of every check that ran."""
    records = instance.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    )
    results: dict[str, bool] = {}
    for record in reversed(list(records)):
        evaluation = record.event_log_entry.dagster_event.asset_check_evaluation_data
        results[evaluation.check_name] = evaluation.passed
    return results
