"""`callqa run` killed with -9 and started again: Dagster's record and the tables come right."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dagster as dg
import pytest
import soundfile as sf

from callqa_assets.cli.headless import HeadlessResult, process_drop_folder
from callqa_assets.warehouse.database import open_warehouse
from resources.settings import Settings
from resources.storage.home import REPO, Home
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.processes import kill_at, preload, run_process, use_home
from tests.support.snapshot import read_snapshot, read_tracks

DAY = "2025-03-14"

pytestmark = pytest.mark.integration

preload("funasr", "faster_whisper")


def process(models: FakeModels | None, *, copy: bool = False) -> HeadlessResult:
    """What `callqa run` does; without models, with the real ones."""
    resource = dg.ResourceDefinition.hardcoded_resource(models)
    return process_drop_folder(
        Settings.from_environment(),
        lambda *_: None,
        copy=copy,
        resource_overrides={"speech_models": resource} if models else {},
        log_level="CRITICAL",
    )


def hear_through_dagster_and_die(root: Path, rules: Path, point: str, call: int) -> None:
    use_home(root, CALLQA_RULES=str(rules))
    kill_at(point, call)
    process(FakeModels())


def tables_of(home: Home):
    warehouse = open_warehouse(home.database_url)
    return read_snapshot(warehouse), read_tracks(warehouse, home.root)


def make_home(root: Path, prepared: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, to which the environment points."""
    shutil.copytree(prepared.root, root)
    home = Home.open(root)
    monkeypatch.setenv("CALLQA_HOME", str(root))
    monkeypatch.setenv("DAGSTER_HOME", str(home.dagster))
    return home


def test_a_killed_run_is_failed_by_the_next_which_finishes_its_work(
    tmp_path, home, warehouse, prepared, monkeypatch
):
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(threshold=0.5))
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    killed_home = make_home(tmp_path / "killed", prepared, monkeypatch)
    undisturbed = DirectRun(home, warehouse, rules)
    for used in (killed_home, home):
        for seed in range(2):
            write_call(used.drop, DAY, f"10{seed}", seed=seed, anger=0.2)
    undisturbed.run(FakeModels())
    undisturbed.publish()

    assert (
        run_process(hear_through_dagster_and_die, killed_home.root, rules, "transcripts", 1) == -9
    )
    with dg.DagsterInstance.get() as instance:
        (killed,) = instance.get_runs()
        assert killed.status == dg.DagsterRunStatus.STARTED
    models = FakeModels()
    resumed = process(models)
    assert resumed.failed_runs == {}
    assert models.calls == {"vad": 0, "asr": 4, "ser": 0}
    with dg.DagsterInstance.get() as instance:
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
    assert tables_of(killed_home) == tables_of(home)


# The real models ----------------------------------------------------------------------------

BEGINNING_S = 8
"""Of each sample call: both parties speak."""


def run_with_real_models(
    root: Path, models_dir: Path, drop: Path, point: str | None, call: int
) -> None:
    use_home(root, CALLQA_DROP=str(drop), CALLQA_MODELS=str(models_dir))
    if point == "transcripts":
        from resources.speech_models.asr.whisper_transcriber import WhisperTranscriber
        from tests.support import processes

        processes.POINTS[point] = (WhisperTranscriber, "transcribe")
    if point:
        kill_at(point, call)
    result = process(None, copy=True)
    assert result.failed_runs == {}, result.failed_runs


@pytest.mark.integration
def test_real_models_killed_in_mid_transcript_resume_to_the_same_tables(
    tmp_path, home, prepared, monkeypatch, models_dir
):
    """The whole compact profile: what is computed after the kill is bit for bit what it was."""
    weights = REPO / "resources" / "speech_models" / "weights"
    if not list(weights.glob("emotion_head*.safetensors")):
        pytest.skip(f"no emotion head in {weights}")
    samples = sorted((REPO / "data" / "samples").rglob("*.flac"), key=lambda p: p.stat().st_size)
    calls = [path for path in samples if path.stat().st_size > 10_000][:2]
    assert len(calls) == 2, "two sample calls in data/samples"
    drop = tmp_path / "drop"
    drop.mkdir()
    for path in calls:
        sound, rate_hz = sf.read(path)
        beginning = drop / path.name
        sf.write(beginning, sound[: BEGINNING_S * rate_hz], rate_hz)
        os.utime(beginning, (1_741_900_000, 1_741_900_000))
    homes = []
    for name, point in (("undisturbed", None), ("killed", "transcripts")):
        homes.append(make_home(tmp_path / name, prepared, monkeypatch))
        code = run_process(run_with_real_models, homes[-1].root, models_dir, drop, point, 1)
        assert code == (-9 if point else 0)
    assert run_process(run_with_real_models, homes[-1].root, models_dir, drop, None, 0) == 0
    undisturbed, resumed = (tables_of(used) for used in homes)
    assert undisturbed[0]["transcripts"]
    assert undisturbed[1]
    assert resumed == undisturbed
