"""A model's identity is part of stored fingerprints: renaming code must not change it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from callqa_assets.domain.digest import digest
from resources.speech_models.asr.whisper_transcriber import (
    WhisperTranscriber,
    WhisperTranscriberConfig,
)
from resources.speech_models.loader import SpeechModels
from resources.speech_models.profiles import load_profiles
from resources.speech_models.weights.hub import HubModel
from resources.speech_models.weights.wheels import StoredModel
from resources.storage.home import REPO

IDENTITIES = {
    ("compact", "detector"): "88e79d2b662cc1e1",
    ("compact", "transcriber"): "1c0642f37cc938ab",
    ("compact", "emotion"): "512ec4dcb4f9ee6f",
    ("funasr", "detector"): "88e79d2b662cc1e1",
    ("funasr", "transcriber"): "a484472e9b3e250d",
    ("funasr", "emotion"): "31d05e58047b9168",
    ("sensevoice", "detector"): "88e79d2b662cc1e1",
    ("sensevoice", "transcriber"): "607965a54bc41f05",
    ("sensevoice", "emotion"): "31d05e58047b9168",
    ("nano", "detector"): "88e79d2b662cc1e1",
    ("nano", "transcriber"): "9c1a37129976eea1",
    ("nano", "emotion"): "31d05e58047b9168",
}
"""As they were before models were sorted by task. A change of one recomputes every stored day:
only a change of what is computed may bring it about."""


def test_the_shipped_profiles_identities_are_those_of_stored_fingerprints(tmp_path, monkeypatch):
    """On a CPU; weights of the hub, which are not here, are known by their id."""
    monkeypatch.setattr(
        HubModel, "require", lambda model, folder: StoredModel(Path(), digest(model.model))
    )
    found: dict[tuple[str, str], str] = {}
    for name, profile in load_profiles(REPO / "configs" / "models.yaml").items():
        models = SpeechModels(profile.model_copy(update={"device": "cpu"}), tmp_path)
        for part, identity in (
            ("detector", models.detector_identity),
            ("transcriber", models.transcriber_identity),
            ("emotion", models.emotion_identity),
        ):
            found[name, part] = digest(asdict(identity))[:16]
    assert found == IDENTITIES


@pytest.mark.parametrize(
    ("setting", "stored"),
    [("redecode_s", "hear_again_s"), ("redecode_confidence", "hear_again_confidence")],
)
def test_a_renamed_setting_of_whisper_keeps_its_name_in_the_identity(setting, stored):
    identity = WhisperTranscriber.identify(WhisperTranscriberConfig(**{setting: 0.7}), "int8")
    assert identity.params[stored] == 0.7
    assert setting not in identity.params
