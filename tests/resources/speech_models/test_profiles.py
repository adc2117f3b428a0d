"""Profiles are validated with clear errors; their models load once, and share what they can."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import yaml
from filelock import FileLock, Timeout
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.domain.speech import ModelIdentity, SegmentTranscript, Span, SpeechChannel
from resources.speech_models.asr.whisper_transcriber import (
    WhisperTranscriber,
    WhisperTranscriberConfig,
)
from resources.speech_models.emotion.whisper_head import WhisperEmotionRecognizer
from resources.speech_models.loader import SpeechModels, cached_speech_models
from resources.speech_models.parts import Host, Section
from resources.speech_models.profiles import Profile, ProfileError, load_profile, load_profiles
from resources.speech_models.runtime.device import Device, DeviceError
from resources.speech_models.vad.detector import FsmnVad, VadConfig
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.layouts import ModelFolderError
from resources.speech_models.weights.wheels import ModelFileError, WheelModel
from resources.storage.home import REPO

SHIPPED = REPO / "configs" / "models.yaml"
PROFILE: dict[str, Any] = {
    "rules": "alert_rules.yaml",
    "device": "cpu",
    "threads": 1,
    "detector": {"backend": "fsmn_vad"},
    "transcriber": {"backend": "whisper"},
    "emotion": {"backend": "whisper_head"},
}


@pytest.fixture
def write(tmp_path: Path):
    """Write a profile 'mine' that differs from PROFILE, and load it."""

    def load(**changes: Any) -> Profile:
        path = tmp_path / "models.yaml"
        path.write_text(yaml.safe_dump({"profiles": {"mine": {**PROFILE, **changes}}}), "utf-8")
        return load_profile(path, "mine")

    return load


def test_the_shipped_profiles_name_their_models_and_rules():
    profiles = load_profiles(SHIPPED)
    assert list(profiles) == ["compact", "funasr", "sensevoice", "nano"]
    titles = {
        name: {part: [model.title for model in models] for part, models in p.models().items()}
        for name, p in profiles.items()
    }
    assert titles["compact"] == {
        "detector": ["fsmn-vad"],
        "transcriber": ["whisper-base"],
        "emotion": ["whisper-base"],
    }
    assert titles["funasr"] == {
        "detector": ["fsmn-vad"],
        "transcriber": [
            "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
            "iic/punc_ct-transformer_cn-en-common-vocab471067-large",
        ],
        "emotion": ["iic/emotion2vec_plus_large"],
    }
    assert titles["sensevoice"]["transcriber"] == ["iic/SenseVoiceSmall"]
    assert titles["nano"]["transcriber"] == [
        "FunAudioLLM/Fun-ASR-Nano-2512",
        "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
    ]
    for profile in profiles.values():
        assert (REPO / "configs" / profile.rules).is_file()
    assert profiles["funasr"].emotion.windows.window_sec == 3.0
    assert profiles["compact"].emotion.windows.window_sec == 2.0


def test_the_documented_mixture_is_a_profile(tmp_path):
    page = (REPO / "docs" / "models.md").read_text("utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "models.yaml").write_text(f"profiles:\n{block}")
    mine = load_profile(tmp_path / "models.yaml", "mine")
    assert (mine.transcriber.backend, mine.emotion.backend) == ("seaco", "whisper_head")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"devise": "cpu"},
            r"models\.yaml, line 6, profile 'mine': unknown key `devise`; did you mean `device`",
        ),
        (
            {"transcriber": {"backend": "whisper", "settings": {"beam": 5}}},
            r"'mine': unknown key `transcriber\.settings\.beam`; did you mean `beam_size`",
        ),
        (
            {"emotion": {"backend": "emotion2vec", "windows": {"hop": 1}}},
            r"'mine': unknown key `emotion\.windows\.hop`; did you mean `hop_sec`",
        ),
        ({"device": "gpu"}, r"'mine': `device`: must match pattern .*here: 'gpu'"),
        ({"precision": "int8"}, r"'mine': `precision`: must be .*'fp32', 'fp16' or 'bf16'"),
        ({"detector": {"backend": "silero"}}, r"`detector\.backend`: .*'fsmn_vad'"),
        ({"transcriber": {"backend": "wisper"}}, r"`transcriber\.backend`: .*'seaco'.*'wisper'"),
        ({"emotion": {"backend": "wavlm"}}, r"`emotion\.backend`: .*'emotion2vec'.*'wavlm'"),
        ({"threads": -1}, r"'mine': `threads`: must be greater than or equal to 0"),
        (
            {"detector": {"backend": "fsmn_vad", "settings": {"max_segment_s": 60}}},
            r"'mine': `detector\.settings`: max_segment_s must be above 0 and at most 30",
        ),
        ({"emotion": {}}, r"`emotion\.backend` is missing; add 'whisper_head' or 'emotion2vec'"),
        (
            {"emotion": {"backend": "emotion2vec", "settings": {"max_piece_s": 0}}},
            r"`emotion\.settings\.max_piece_s`: .*greater than 0",
        ),
        (
            {"emotion": {"backend": "whisper_head", "windows": {"hop_sec": 0}}},
            r"`emotion\.windows\.hop_sec`: .*greater than 0",
        ),
        (
            {"transcriber": {"backend": "seaco", "settings": {"margin_s": -1}}},
            r"`transcriber\.settings\.margin_s`: .*greater than or equal to 0",
        ),
        (
            {"transcriber": {"backend": "seaco", "settings": {"longest_s": 10}}},
            r"profile 'mine': .*accepts at most 10 s, .*up to 30 s: lower detector\.settings",
        ),
        (
            {"transcriber": {"backend": "whisper", "settings": {"packing": {"window_s": 20}}}},
            r"profile 'mine': .*accepts at most 20 s",
        ),
        (
            {"transcriber": {"backend": "seaco", "weights": {"model": "../../elsewhere"}}},
            r"`transcriber\.weights\.model`: .*pattern",
        ),
        ({"rules": "../../rules.yaml"}, r"`rules`: .*pattern"),
    ],
)
def test_an_invalid_key_or_value_is_named_with_its_file(write, changes, said):
    with pytest.raises(ProfileError, match=said):
        write(**changes)


@pytest.mark.parametrize("content", ["", "- a", "profiles: [", "profiles: {mine: 3}", "{a: 1}"])
def test_a_file_that_is_no_list_of_profiles_is_named(tmp_path, content):
    (tmp_path / "models.yaml").write_text(content)
    with pytest.raises(ProfileError, match=r"models\.yaml"):
        load_profiles(tmp_path / "models.yaml")
    with pytest.raises(ProfileError, match="CALLQA_CONFIGS"):
        load_profiles(tmp_path / "nowhere.yaml")


def test_emotion2vec_keeps_its_window_where_another_key_of_the_windows_is_set(write):
    profile = write(emotion={"backend": "emotion2vec", "windows": {"hop_sec": 0.5}})
    assert (profile.emotion.windows.window_sec, profile.emotion.windows.hop_sec) == (3.0, 0.5)
    shorter = write(emotion={"backend": "emotion2vec", "windows": {"window_sec": 2.5}})
    assert shorter.emotion.windows.window_sec == 2.5


def test_a_profile_that_does_not_exist_names_those_that_do():
    with pytest.raises(ProfileError, match=r"'fun'.*compact, funasr, nano, sensevoice"):
        load_profile(SHIPPED, "fun")


def test_the_compact_profile_s_identities_are_known_without_its_weights(tmp_path):
    """What was computed before the profiles could be mixed stays computed."""
    models = SpeechModels(load_profile(SHIPPED, "compact"), tmp_path)
    assert models.detector_identity == FsmnVad.identify(VadConfig())
    assert models.transcriber_identity == WhisperTranscriber.identify(
        WhisperTranscriberConfig(), "int8"
    )
    assert models.emotion_identity == WhisperEmotionRecognizer.identify(
        models.emotion_windows, "int8"
    )


def test_a_part_in_another_profile_keeps_its_identity(write, tmp_path):
    compact = SpeechModels(load_profile(SHIPPED, "compact"), tmp_path)
    mixed = write(transcriber={"backend": "seaco"}, precision="bf16", rules="other.yaml")
    assert SpeechModels(mixed, tmp_path).emotion_identity == compact.emotion_identity
    assert SpeechModels(mixed, tmp_path).detector_identity == compact.detector_identity


@pytest.fixture
def mixed(write, tiny) -> Profile:
    """SeACo with emotion2vec, each from a tiny folder."""
    return write(
        transcriber={
            "backend": "seaco",
            "weights": {"folder": str(tiny("seaco"))},
            "punctuation": {"folder": str(tiny("ct-punc"))},
        },
        emotion={"backend": "emotion2vec", "weights": {"folder": str(tiny("emotion2vec"))}},
        detector={"backend": "fsmn_vad", "weights": {"folder": str(tiny("fsmn-vad"))}},
    )


def test_an_identity_contains_weights_settings_and_precision_and_loads_nothing(mixed, tmp_path):
    def identities(profile: Profile):
        models = SpeechModels(profile, tmp_path)
        return models.transcriber_identity, models.emotion_identity

    before = identities(mixed)
    assert before[0].model_id == "seaco"
    assert before[0].params["precision"] == "fp32"
    assert before[0].params["punctuation"]["model_id"] == "ct-punc"
    assert identities(mixed.model_copy(update={"threads": 2})) == before
    half = identities(mixed.model_copy(update={"precision": "bf16"}))
    assert half[0] != before[0]
    assert half[1] != before[1]
    quiet = mixed.transcriber.model_copy(update={"punctuation": None})
    changed = identities(mixed.model_copy(update={"transcriber": quiet}))
    assert changed[0] != before[0]
    assert changed[1] == before[1]


def test_models_load_once_and_again_after_a_release(mixed, tmp_path):
    models = cached_speech_models(mixed, tmp_path)
    assert cached_speech_models(mixed, tmp_path) is models
    transcriber = models.transcriber()
    assert models.transcriber() is transcriber
    assert transcriber.identity == models.transcriber_identity
    assert models.emotion_recognizer().identity == models.emotion_identity
    models.release()
    assert models.transcriber() is not transcriber


def test_another_profile_releases_the_models_of_the_one_before(mixed, tmp_path, monkeypatch):
    """A server holds one profile's models, and releases the device of the one before."""
    monkeypatch.setattr(Device, "is_accelerator", True)
    locks = tmp_path / "locks"
    first = cached_speech_models(mixed, tmp_path, device_locks=locks)
    transcriber = first.transcriber()
    with pytest.raises(Timeout):
        FileLock(locks / "cpu.lock").acquire(timeout=0)
    other = mixed.model_copy(update={"rules": "other.yaml"})
    second = cached_speech_models(other, tmp_path, device_locks=locks)
    assert second is not first
    FileLock(locks / "cpu.lock").acquire(timeout=0).lock.release()
    again = cached_speech_models(mixed, tmp_path, device_locks=locks)
    assert again is not first
    assert again.transcriber() is not transcriber
    again.release()


class SilentTranscriber:
    identity = ModelIdentity("silent", "0" * 64, {"threads": "any"})

    def transcribe(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentTranscript]]:
        return [[SegmentTranscript("zh", "", "", [], 0.0) for _ in c.segments] for c in channels]


class SilentPart(Section):
    """A whole backend: what a new module has to bring."""

    backend: Literal["silent"] = "silent"
    longest_s: float = 30.0

    def models(self, profile: str) -> list[Model]:
        return [WheelModel("fsmn-vad")]

    def identify(self, host: Host) -> ModelIdentity:
        return SilentTranscriber.identity

    def open(self, host: Host) -> SilentTranscriber:
        return host.share("silent", SilentTranscriber)


def test_a_new_part_is_listed_identified_and_opened_like_the_others(write, tmp_path):
    profile = write().model_copy(update={"transcriber": SilentPart()})
    assert [model.title for model in profile.models()["transcriber"]] == ["fsmn-vad"]
    models = SpeechModels(profile, tmp_path)
    assert models.transcriber_identity.model_id == "silent"
    channel = SpeechChannel(np.zeros(16_000, np.float32), [Span(0, 1)])
    assert models.transcriber().transcribe([channel])[0][0].text == ""


def test_the_loader_names_no_backend():
    source = (REPO / "resources" / "speech_models" / "loader.py").read_text("utf-8")
    assert not re.findall(r"speech_models\.(?:asr|vad|emotion)\b", source)


def test_the_device_is_held_from_the_first_model_to_the_release(mixed, tmp_path, monkeypatch):
    """As it is with a GPU; here the CPU is treated like one."""
    monkeypatch.setattr(Device, "is_accelerator", True)
    models = SpeechModels(mixed, tmp_path, device_locks=tmp_path / "locks")
    _ = models.transcriber_identity
    assert not (tmp_path / "locks").exists()
    models.transcriber()
    with pytest.raises(Timeout):
        FileLock(tmp_path / "locks" / "cpu.lock").acquire(timeout=0)
    models.release()
    FileLock(tmp_path / "locks" / "cpu.lock").acquire(timeout=0)


def test_a_device_on_which_no_model_could_be_loaded_is_not_held(mixed, tiny, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(Device, "is_accelerator", True)
    broken = tmp_path / "broken"
    shutil.copytree(tiny("emotion2vec"), broken)
    content = torch.load(broken / "model.pt")
    del content["model"]["proj.weight"]
    torch.save(content, broken / "model.pt")
    weights = mixed.emotion.weights.model_copy(update={"folder": broken})
    emotion = mixed.emotion.model_copy(update={"weights": weights})
    profile = mixed.model_copy(update={"emotion": emotion})
    models = SpeechModels(profile, tmp_path, device_locks=tmp_path / "locks")
    with pytest.raises(ModelFolderError, match="lacks 1 weight"):
        models.emotion_recognizer()
    FileLock(tmp_path / "locks" / "cpu.lock").acquire(timeout=0).lock.release()
    models.transcriber()
    with pytest.raises(ModelFolderError, match="lacks 1 weight"):
        models.emotion_recognizer()
    with pytest.raises(Timeout):  # the transcriber is on it
        FileLock(tmp_path / "locks" / "cpu.lock").acquire(timeout=0)
    models.release()


def test_weights_that_are_missing_are_named_before_anything_is_loaded(write, tmp_path):
    models = SpeechModels(write(transcriber={"backend": "sensevoice"}), tmp_path)
    with pytest.raises(ModelFileError, match=r"SenseVoiceSmall .*pull --profile mine"):
        _ = models.transcriber_identity
    with pytest.raises(ModelFileError, match=r"model\.pt is missing: run `callqa models pull`"):
        models.detector()


def test_a_device_that_is_not_there_is_an_error_of_its_parts_alone(mixed, tmp_path):
    """A requested GPU is not silently replaced by the CPU."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    models = SpeechModels(mixed.model_copy(update={"device": "cuda"}), tmp_path)
    assert models.detector_identity.model_id == "fsmn-vad"
    with pytest.raises(DeviceError, match="'cuda'"):
        _ = models.transcriber_identity


def test_models_that_do_not_fit_into_memory_give_a_clear_error(mixed, tmp_path, monkeypatch):
    import torch

    def load(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.20 GiB.")

    monkeypatch.setattr("resources.speech_models.asr.seaco.load_model", load)
    with pytest.raises(DeviceError, match=r"profile 'mine' do not fit.*1\.20 GiB.*precision"):
        SpeechModels(mixed, tmp_path).transcriber()


@pytest.mark.integration
def test_transcripts_and_emotions_of_compact_share_one_whisper(models_dir):
    models = SpeechModels(load_profile(SHIPPED, "compact"), models_dir)
    models.transcriber()
    models.emotion_recognizer()
    assert models.transcriber()._model is models.emotion_recognizer()._whisper


def test_the_code_location_imports_no_model_s_packages():
    """Dagster loads it often; these packages take seconds and gigabytes."""
    heavy = "torch", "funasr", "transformers", "modelscope", "faster_whisper", "ctranslate2"
    script = (
        f"import callqa_assets.definitions, sys; print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr


def test_models_list_shows_every_profile_and_what_to_pull(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLQA_MODELS", str(tmp_path))
    monkeypatch.delenv("CALLQA_CONFIGS", raising=False)
    shown = CliRunner().invoke(app, ["models", "list"])
    assert shown.exit_code == 0, shown.output
    for text in ("compact", "sensevoice", "see below", "run `callqa models pull --profile nano`"):
        assert text in shown.output
    refused = CliRunner().invoke(app, ["models", "verify", "--profile", "sensevoice"])
    assert isinstance(refused.exception, ModelFileError)
    assert "fsmn-vad/model.pt is missing" in str(refused.exception)
    assert "SenseVoiceSmall does not exist" in str(refused.exception)


def test_verify_loads_what_it_finds_and_names_a_missing_weight(mixed, tiny, tmp_path, monkeypatch):
    import torch

    own = tmp_path / "own"
    shutil.copytree(tiny("emotion2vec"), own)
    path = tmp_path / "models.yaml"
    path.write_text(path.read_text("utf-8").replace(str(tiny("emotion2vec")), str(own)))
    monkeypatch.setenv("CALLQA_CONFIGS", str(tmp_path))
    verify = ["models", "verify", "--profile", "mine"]
    right = CliRunner().invoke(app, verify)
    assert right.exit_code == 0, right.output
    content = torch.load(own / "model.pt")
    del content["model"]["proj.weight"]
    torch.save(content, own / "model.pt")
    wrong = CliRunner().invoke(app, verify)
    assert "lacks 1 weight(s) of the model in config.yaml, first 'proj.weight'" in str(
        wrong.exception
    )


@pytest.mark.integration
def test_without_options_pull_and_verify_mean_the_default_profile(models_dir, monkeypatch):
    monkeypatch.setenv("CALLQA_MODELS", str(models_dir))
    for name in ("CALLQA_CONFIGS", "CALLQA_MODEL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for command in ("pull", "verify"):
        done = CliRunner().invoke(app, ["models", command])
        assert done.exit_code == 0, done.output
        assert "fsmn-vad" in done.output
        assert "whisper-base" in done.output
        assert "iic/" not in done.output
