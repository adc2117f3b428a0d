"""The stage contract from drop folder to alerts, on SQLite, with fake models, without Dagster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from callqa_assets.stages.contract import StageReport, run_stage
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import tables
from resources.storage.home import Home
from tests.support.calls import RULES, set_mtime, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows, read_snapshot

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


@pytest.fixture
def process(home: Home, warehouse, rules: Path):
    return DirectRun(home, warehouse, rules).run


def test_a_second_run_computes_nothing(home, warehouse, process):
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.2)
    process(FakeModels())
    before = read_snapshot(warehouse)
    again = FakeModels()
    process(again)
    assert again.calls == {"vad": 0, "asr": 0, "ser": 0}
    assert read_snapshot(warehouse) == before


@pytest.mark.parametrize(("batch_audio_s", "batches"), [(12.0, [4, 2]), (11.9, [2, 2, 2])])
def test_a_batch_holds_as_much_audio_as_its_stage_allows(
    home, warehouse, rules, batch_audio_s, batches
):
    """Calls of two channels and 6 s."""
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct = DirectRun(home, warehouse, rules)
    direct.ingest_all()
    sizes: list[int] = []
    models = FakeModels(before=lambda model, items: sizes.append(len(items)))
    stage = replace(direct.stages(models)[0], batch_audio_s=batch_audio_s)
    report = run_stage(warehouse, stage, DAY, run_id="run")
    assert sizes == batches
    assert (report.computed, report.audio_s) == (3, 18.0)
    assert report.real_time_factor == report.seconds / 18.0
    again = run_stage(warehouse, stage, DAY, run_id="run")
    assert again == StageReport(current=3)
    assert again.real_time_factor is None
    assert not any(vars(StageReport()).values())


def test_a_late_file_costs_only_itself(home, warehouse, process):
    write_call(home.drop, DAY, "1001", seed=1)
    process(FakeModels())
    write_call(home.drop, DAY, "1002", seed=2)
    models = FakeModels()
    process(models)
    assert models.calls == {"vad": 2, "asr": 2, "ser": 2}  # two channels
    assert len(read_rows(warehouse, tables.recordings)) == 2


def test_changed_rules_recompute_alerts_only(home, warehouse, process, rules):
    write_call(home.drop, DAY, anger=0.2)
    process(FakeModels())
    rules.write_text(RULES.format(threshold=0.9))
    models = FakeModels()
    process(models)
    assert models.calls == {"vad": 0, "asr": 0, "ser": 0}
    (alert,) = read_rows(warehouse, tables.alerts)
    assert alert["superseded_at"] is not None


def test_rules_changed_back_revive_the_same_alert(home, warehouse, process, rules):
    write_call(home.drop, DAY, anger=0.2)
    process(FakeModels())
    (first,) = read_rows(warehouse, tables.alerts)
    for threshold in (0.9, 0.5):
        rules.write_text(RULES.format(threshold=threshold))
        process(FakeModels())
    (revived,) = read_rows(warehouse, tables.alerts)
    assert revived["alert_id"] == first["alert_id"]
    assert revived["superseded_at"] is None


def test_another_asr_model_leaves_vad_and_emotions_alone(home, warehouse, process):
    write_call(home.drop, DAY)
    process(FakeModels())
    models = FakeModels(version="2")
    process(models)
    assert models.calls == {"vad": 0, "asr": 2, "ser": 0}


def test_force_computes_everything_again_and_downstream_with_it(home, warehouse, process):
    write_call(home.drop, DAY, anger=0.2)
    process(FakeModels())
    models = FakeModels()
    process(models, force=True)
    assert models.calls == {"vad": 2, "asr": 2, "ser": 2}
    again = FakeModels()
    process(again)
    assert again.calls == {"vad": 0, "asr": 0, "ser": 0}


def test_the_same_file_delivered_twice_adds_nothing(home, warehouse, process):
    write_call(home.drop, DAY, anger=0.2)
    process(FakeModels())
    before = read_snapshot(warehouse)
    write_call(home.drop, DAY, anger=0.2)
    models = FakeModels()
    process(models)
    assert models.calls == {"vad": 0, "asr": 0, "ser": 0}
    assert read_snapshot(warehouse) == before
    assert list(home.drop.iterdir()) == []


def test_the_same_audio_under_another_name_is_a_duplicate_and_not_processed_twice(
    home, warehouse, process
):
    write_call(home.drop, DAY, "1001")
    write_call(home.drop, DAY, "1002")
    models = FakeModels()
    process(models)
    assert models.calls["vad"] == 2
    first, second = sorted(read_rows(warehouse, tables.recordings), key=lambda r: r["source_name"])
    assert (first["status"], second["status"]) == ("ok", "duplicate")
    assert second["duplicate_of"] == first["recording_id"]


def test_copy_leaves_the_originals_and_a_second_run_ignores_them(home, warehouse, process):
    path = write_call(home.drop, DAY)
    process(FakeModels(), copy=True)
    assert path.is_file()
    before = read_snapshot(warehouse)
    models = FakeModels()
    process(models, copy=True)
    assert models.calls["vad"] == 0
    assert read_snapshot(warehouse) == before


def test_what_cannot_be_read_is_quarantined_with_a_reason_and_the_day_goes_on(
    home, warehouse, process
):
    write_call(home.drop, DAY)
    (home.drop / f"{DAY.replace('-', '')}-100000_1003_1.wav").write_bytes(b"RIFF not a call")
    (home.drop / f"{DAY.replace('-', '')}-110000_1003_1.wav").write_bytes(b"")
    process(FakeModels())
    found = read_rows(warehouse, tables.recordings)
    bad = [r for r in found if r["status"] == "quarantined"]
    assert len(found) == 3
    assert len(bad) == 2
    assert all(r["reason"] and (home.root / r["archive_path"]).exists() for r in bad)
    assert len(read_rows(warehouse, tables.stage_runs)) == len(STAGE_NAMES)


def test_a_late_sidecar_moves_the_call_to_its_day_with_all_its_rows(home, warehouse, process):
    path = write_call(home.drop, DAY, name="call.wav", anger=0.2)
    set_mtime(path, "2025-03-16 10:00")
    process(FakeModels())
    (recording,) = read_rows(warehouse, tables.recordings)
    assert (recording["day"], recording["time_source"]) == ("2025-03-16", "mtime")
    facts = {"started_at": "2025-03-14 09:00:00", "agent_id": "7", "queue": "vip"}
    (home.drop / "call.json").write_text(json.dumps(facts))
    models = FakeModels()
    process(models)
    (recording,) = read_rows(warehouse, tables.recordings)
    assert (recording["day"], recording["agent_id"]) == (DAY, "7")
    for table in (tables.segments, tables.transcripts, tables.emotion_scores, tables.alerts):
        assert {r["day"] for r in read_rows(warehouse, table)} == {DAY}
    # language and queue are read by the transcriber, metadata by the rules, none by the others
    assert models.calls == {"vad": 0, "asr": 2, "ser": 0}
    assert list(home.drop.iterdir()) == []
    assert (home.root / recording["archive_path"]).with_suffix(".json").is_file()


def test_a_manifest_describes_calls_and_a_later_row_updates_ingested_ones(home, warehouse, process):
    write_call(home.drop, DAY, name="a.wav", seed=1)
    write_call(home.drop, DAY, name="b.wav", seed=2)
    (home.drop / "manifest.csv").write_text(
        f"file,started_at,agent_id\na.wav,{DAY} 08:00:00,lina\n"
    )
    process(FakeModels())
    by_name = {r["source_name"]: r for r in read_rows(warehouse, tables.recordings)}
    assert (by_name["a.wav"]["day"], by_name["a.wav"]["agent_id"]) == (DAY, "lina")
    (home.drop / "manifest.csv").write_text(
        f"file,started_at,agent_id\na.wav,{DAY} 08:00:00,lina\nb.wav,{DAY} 09:00:00,wang\n"
    )
    process(FakeModels())
    by_name = {r["source_name"]: r for r in read_rows(warehouse, tables.recordings)}
    assert (by_name["b.wav"]["day"], by_name["b.wav"]["agent_id"]) == (DAY, "wang")


def test_a_file_name_of_odd_bytes_is_a_call_like_any_other(home, warehouse, process):
    path = write_call(home.drop, DAY)
    odd = bytes(path).replace(b"1001", b"10\xff1")
    path.rename(Path(odd.decode("utf-8", "surrogateescape")))
    process(FakeModels())
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["status"] == "ok"
    assert recording["source_name"].encode("ascii")
