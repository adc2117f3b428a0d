"""Model profiles: the format of `configs/models.yaml`.

A profile has three parts (detector, transcriber, emotion), each with a backend, and a device. Here
are the lists of backends, and constraints across parts; a part's own settings, and how it is
opened, are beside its backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from callqa_assets.domain.yaml_config import ConfigError, load
from resources.speech_models.asr.nano import NanoPart
from resources.speech_models.asr.seaco import SeacoPart
from resources.speech_models.asr.sensevoice import SenseVoicePart
from resources.speech_models.asr.whisper_transcriber import WhisperPart
from resources.speech_models.emotion.emotion2vec import Emotion2vecPart
from resources.speech_models.emotion.whisper_head import WhisperHeadPart
from resources.speech_models.parts import Section
from resources.speech_models.runtime.device import DEVICE_PATTERN, AskedPrecision
from resources.speech_models.vad.detector import FsmnVadPart
from resources.speech_models.weights.hub import Model
from resources.storage.config_files import read_config

DEFAULT_PROFILE = "compact"

DetectorPart = FsmnVadPart
TranscriberPart = Annotated[
    WhisperPart | SeacoPart | SenseVoicePart | NanoPart, Field(discriminator="backend")
]
EmotionPart = Annotated[WhisperHeadPart | Emotion2vecPart, Field(discriminator="backend")]
"""Every backend of each kind: a new one is added here."""


class ProfileError(ConfigError):
    """A models.yaml that cannot be used."""


class Profile(Section):
    name: str
    """The key under `profiles`; not a key of the file."""
    rules: str = Field(pattern=r"^\w[\w.-]*$")
    """Rules file in the configuration folder: thresholds belong to a model."""
    device: str = Field("auto", pattern=f"^({DEVICE_PATTERN})$")
    """Of the funasr backends; the others compute on the CPU."""
    precision: AskedPrecision = "auto"
    threads: int = Field(0, ge=0)
    """CPU threads; 0: every core."""
    detector: DetectorPart
    transcriber: TranscriberPart
    emotion: EmotionPart

    @model_validator(mode="after")
    def _accept_every_segment(self) -> Profile:
        found_s, longest_s = self.detector.longest_segment_s, self.transcriber.longest_s
        if found_s > longest_s:
            raise ValueError(
                f"the transcriber accepts at most {longest_s:g} s, and the detector's segments "
                f"have up to {found_s:g} s: lower detector.settings.max_segment_s"
            )
        return self

    def models(self) -> dict[str, Sequence[Model]]:
        """The models that each part needs."""
        return {
            "detector": self.detector.models(self.name),
            "transcriber": self.transcriber.models(self.name),
            "emotion": self.emotion.models(self.name),
        }


class _ProfilesFile(Section):
    profiles: dict[str, Profile]

    @model_validator(mode="before")
    @classmethod
    def _name_profiles(cls, content: Any) -> Any:
        """Pass each profile its name."""
        match content:
            case {"profiles": dict(profiles)}:
                named = {
                    name: {**profile, "name": name} if isinstance(profile, dict) else profile
                    for name, profile in profiles.items()
                }
                return {**content, "profiles": named}
        return content


def load_profiles(path: Path) -> dict[str, Profile]:
    """Every profile of the file. Raises ProfileError."""
    cure = "set CALLQA_CONFIGS to the configuration folder"
    text = read_config(path, error=ProfileError, cure=cure)
    entries = {"profiles": "profile"}
    loaded = load(text, _ProfilesFile, source=str(path), error=ProfileError, entries=entries)
    return loaded.value.profiles


def load_profile(path: Path, name: str) -> Profile:
    """One profile. Raises ProfileError."""
    profiles = load_profiles(path)
    if name not in profiles:
        raise ProfileError(
            f"{path}: no profile {name!r}; set CALLQA_MODEL_PROFILE to one of "
            f"{', '.join(sorted(profiles))}"
        )
    return profiles[name]
