"""`callqa run` with the production profiles, in processes of their own, from tiny model folders.

What the models say means nothing; that the whole chain runs, stores it, computes nothing twice and
says which model wrote it does. No process may reach a network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from callqa_assets.stages.registry import STAGE_NAMES, STAGES
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from resources.storage.home import REPO, Home
from tests.support.calls import FIRST_DAY, write_call
from tests.support.processes import preload, run_command
from tests.support.snapshot import read_snapshot, read_tracks
from tests.support.tiny_checkpoints import FAMILIES, build_tiny

DAY = "2025-03-14"

WITHOUT_MODELS = {stage.name: {None} for stage in STAGES if not stage.uses_models}
"""What the tables say of the models of stages that use none."""

pytestmark = pytest.mark.integration

preload("callqa_assets.cli.terminal_report", "funasr", "faster_whisper", "transformers")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of every family's tiny model."""
    folder = tmp_path_factory.mktemp("tiny")
    for family in FAMILIES:
        build_tiny(family, folder / family)
    return folder


@dataclass
class Installation:
    """Configuration, models folder and homes of one test."""

    root: Path
    models: Path

    def write_profiles(self, profiles: dict[str, Any]) -> None:
        shutil.copytree(REPO / "configs", self.root / "configs")
        path = self.root / "configs" / "models.yaml"
        # As JSON, which is YAML without aliases.
        path.write_text(json.dumps({"profiles": profiles}), "utf-8")

    def replace_in_profiles(self, before: str, after: str) -> None:
        path = self.root / "configs" / "models.yaml"
        path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")

    def home(self, name: str) -> Home:
        return Home(self.root / name)

    def run(
        self, home: Home, profile: str, *options: str, forked: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """`callqa run` over two calls of one day, with every way to a network shut.

        Not forked, in an interpreter that starts from nothing: some seconds of imports more.
        """
        drop = self.root / "calls"
        if not drop.exists():
            write_call(drop, DAY, "1001", anger=0.2)
            write_call(drop, DAY, "1002", seed=1, anger=0.1)
        arguments = ["run", "--copy", "--drop", str(drop), "--home", str(home.root)]
        arguments += ["--profile", profile, *options]
        environment = {
            "PATH": "",
            "HOME": str(self.root),
            "CALLQA_CONFIGS": str(self.root / "configs"),
            "CALLQA_MODELS": str(self.models),
            "CALLQA_FIRST_DAY": FIRST_DAY,
            "OMP_NUM_THREADS": "1",
            **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        }
        if forked:
            return run_command(arguments, environment, self.root)
        command = "from callqa_assets.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", command, *arguments],
            env=environment,
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def tiny_installation(tmp_path: Path, tiny: Path) -> Installation:
    """The shipped profiles, but for the folders that their weights come from."""
    made = Installation(tmp_path, tmp_path / "models")
    profiles = yaml.safe_load((REPO / "configs" / "models.yaml").read_text("utf-8"))["profiles"]
    families = {"funasr": "seaco", "sensevoice": "sensevoice", "nano": "nano"}
    for name, family in families.items():
        profile = profiles[name]
        profile |= {"device": "cpu", "threads": 1}
        profile["detector"]["weights"] = {"folder": str(tiny / "fsmn-vad")}
        profile["transcriber"]["weights"] = {"folder": str(tiny / family)}
        profile["emotion"]["weights"] = {"folder": str(tiny / "emotion2vec")}
    profiles["funasr"]["transcriber"]["punctuation"] = {"folder": str(tiny / "ct-punc")}
    profiles["nano"]["transcriber"]["word_times"] = {"folder": str(tiny / "paraformer")}
    made.write_profiles(profiles)
    return made


def stage_models(warehouse: Warehouse) -> dict[tuple[str, str], tuple[str | None, str]]:
    """(recording, stage) to the model that wrote it and the run in which it did."""
    with warehouse.read() as connection:
        rows = connection.execute(
            sa.text("SELECT recording_id, stage, model_id, run_id FROM stage_models")
        ).all()
    return {(row.recording_id, row.stage): (row.model_id, row.run_id) for row in rows}


def models_of_stages(warehouse: Warehouse) -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for (_, stage), (model, _) in stage_models(warehouse).items():
        found.setdefault(stage, set()).add(model)
    return found


def count(warehouse: Warehouse, query: str) -> int:
    with warehouse.read() as connection:
        return connection.execute(sa.text(query)).scalar_one()


def metadata_of(home: Home, asset: str) -> dict[str, Any]:
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
    return {name: value.value for name, value in metadata.items()}


@pytest.mark.parametrize(
    ("profile", "transcriber"),
    [("funasr", "seaco"), ("sensevoice", "sensevoice"), ("nano", "nano")],
)
def test_a_profile_fills_the_tables_of_a_day_and_a_second_home_gets_the_same(
    tiny_installation: Installation, profile: str, transcriber: str
):
    first, second = tiny_installation.home("first"), tiny_installation.home("second")
    for home in (first, second):
        # Once, and for one profile, as a person starts it: with nothing imported before.
        forked = home is first or profile != "sensevoice"
        done = tiny_installation.run(home, profile, forked=forked)
        assert done.returncode == 0, done.stdout + done.stderr
    warehouse = open_warehouse(first.database_url)
    assert models_of_stages(warehouse) == {
        "segments": {"fsmn-vad"},
        "transcripts": {transcriber},
        "emotions": {"emotion2vec"},
        **WITHOUT_MODELS,
    }
    assert count(warehouse, "SELECT count(*) FROM stage_runs WHERE status = 'ok'") == 2 * len(
        STAGES
    )
    segments = count(warehouse, "SELECT count(*) FROM segments")
    assert segments >= 4
    assert count(warehouse, "SELECT count(*) FROM transcripts") == segments
    assert count(warehouse, "SELECT count(*) FROM transcripts WHERE text <> ''") > 0
    assert count(warehouse, "SELECT count(*) FROM emotion_scores") == segments
    assert count(warehouse, "SELECT count(*) FROM emotion_spans") >= segments
    metadata = metadata_of(first, "transcripts")
    assert (metadata["model"], metadata["out_of_memory_halvings"]) == (transcriber, 0)
    other = open_warehouse(second.database_url)
    assert read_snapshot(other) == read_snapshot(warehouse)
    assert read_tracks(other, second.root) == read_tracks(warehouse, first.root)


def test_a_second_run_computes_nothing_and_loads_nothing(
    tiny_installation: Installation, tiny: Path, tmp_path: Path
):
    own = tmp_path / "own"
    shutil.copytree(tiny, own)
    tiny_installation.replace_in_profiles(str(tiny), str(own))
    home = tiny_installation.home("home")
    done = tiny_installation.run(home, "sensevoice")
    assert done.returncode == 0, done.stdout + done.stderr
    before = stage_models(open_warehouse(home.database_url))
    for weights in own.glob("*/model.pt"):  # nobody notices until somebody loads them
        status = weights.stat()
        weights.write_bytes(bytes(status.st_size))
        os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = tiny_installation.run(home, "sensevoice")
    assert again.returncode == 0, again.stdout + again.stderr
    assert stage_models(open_warehouse(home.database_url)) == before


def test_a_missing_weight_file_fails_the_run_by_name_and_the_day_goes_on_once_it_is_there(
    tiny_installation: Installation, tiny: Path, tmp_path: Path
):
    import torch

    broken = tmp_path / "broken"
    shutil.copytree(tiny / "seaco", broken)
    content = torch.load(broken / "model.pt")
    del content["model"]["seaco_decoder.decoders.0.norm1.weight"]
    torch.save(content, broken / "model.pt")
    tiny_installation.replace_in_profiles(str(tiny / "seaco"), str(broken))
    home = tiny_installation.home("home")

    failed = tiny_installation.run(home, "funasr")
    assert failed.returncode == 1
    assert "seaco_decoder.decoders.0.norm1.weight" in failed.stdout + failed.stderr
    warehouse = open_warehouse(home.database_url)
    assert "transcripts" not in models_of_stages(warehouse)
    before = stage_models(warehouse)

    shutil.copyfile(tiny / "seaco" / "model.pt", broken / "model.pt")
    second = tiny_installation.run(home, "funasr")
    assert second.returncode == 0, second.stdout + second.stderr
    after = stage_models(warehouse)
    assert {stage for _, stage in after} == set(STAGE_NAMES)
    assert before.items() <= after.items()


@pytest.fixture
def switching(tmp_path: Path, tiny: Path, models_dir: Path) -> Installation:
    """The real compact profile; one with another transcriber; one with another emotion too."""
    made = Installation(tmp_path, models_dir)
    compact = yaml.safe_load((REPO / "configs" / "models.yaml").read_text("utf-8"))["profiles"][
        "compact"
    ]
    seaco = {
        "backend": "seaco",
        "weights": {"folder": str(tiny / "seaco")},
        "punctuation": {"folder": str(tiny / "ct-punc")},
    }
    emotion2vec = {"backend": "emotion2vec", "weights": {"folder": str(tiny / "emotion2vec")}}
    mixed = {**compact, "device": "cpu", "threads": 1, "transcriber": seaco}
    made.write_profiles(
        {
            "compact": {**compact, "threads": 1},
            "mixed": mixed,
            "funasr": {**mixed, "emotion": emotion2vec},
        }
    )
    return made


def test_another_profile_computes_what_it_changes_and_nothing_else(
    switching: Installation, tmp_path: Path
):
    """And the tables say which model wrote each row."""
    shutil.copytree(REPO / "data" / "samples" / "late", tmp_path / "calls")
    home = switching.home("home")
    done = switching.run(home, "compact")
    assert done.returncode == 0, done.stdout + done.stderr
    warehouse = open_warehouse(home.database_url)
    compact = stage_models(warehouse)
    assert models_of_stages(warehouse) == {
        "segments": {"fsmn-vad"},
        "transcripts": {"whisper-base"},
        "emotions": {"whisper-base-emotion-head"},
        **WITHOUT_MODELS,
    }
    recordings = read_snapshot(warehouse)["recordings"]

    refused = switching.run(home, "mixed")
    assert refused.returncode == 1
    assert "--switch" in refused.stderr
    assert stage_models(warehouse) == compact

    done = switching.run(home, "mixed", "--switch")
    assert done.returncode == 0, done.stdout + done.stderr
    mixed = stage_models(warehouse)
    assert computed_anew(compact, mixed) == with_downstream("transcripts")

    done = switching.run(home, "funasr", "--switch")
    assert done.returncode == 0, done.stdout + done.stderr
    funasr = stage_models(warehouse)
    assert computed_anew(mixed, funasr) == with_downstream("emotions")
    assert models_of_stages(warehouse) == {
        "segments": {"fsmn-vad"},
        "transcripts": {"seaco"},
        "emotions": {"emotion2vec"},
        **WITHOUT_MODELS,
    }
    assert read_snapshot(warehouse)["recordings"] == recordings
    with warehouse.read() as connection:
        wrote = connection.execute(
            sa.text(
                "SELECT DISTINCT m.model_id FROM transcripts t JOIN stage_models m "
                "ON m.recording_id = t.recording_id AND m.stage = 'transcripts'"
            )
        ).all()
    assert [tuple(row) for row in wrote] == [("seaco",)]


def with_downstream(name: str) -> set[str]:
    """A stage and those that read what it computes, or what they compute."""
    names = {name}
    for stage in STAGES:
        if names.intersection(stage.upstream):
            names.add(stage.name)
    return names


def computed_anew(
    before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]
) -> set[str]:
    assert before.keys() == after.keys()
    return {
        stage for recording, stage in after if before[recording, stage] != after[recording, stage]
    }
