"""Model profiles: what `configs/models.yaml` may say.

A profile is three parts (detector, transcriber, emotion), each of a backend, and where they
compute. Here are the lists of backends, and what must hold across parts; a part's own settings, and
how it is opened, stand beside its backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from callqa_assets.domain.errors import CallqaError
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

DEFAULT_PROFILE = "compact"

DetectorPart = FsmnVadPart
TranscriberPart = Annotated[
    WhisperPart | SeacoPart | SenseVoicePart | NanoPart, Field(discriminator="backend")
]
EmotionPart = Annotated[WhisperHeadPart | Emotion2vecPart, Field(discriminator="backend")]
"""Every backend of each kind: a new one is added to its list."""


class ProfileError(CallqaError):
    """configs/models.yaml cannot be used; the message names the file, the key and the cure."""


class Profile(Section):
    name: str
    """The key under `profiles`; not written a second time."""
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
    def _hear_whole_segments(self) -> Profile:
        found_s, longest_s = self.detector.longest_segment_s, self.transcriber.longest_s
        if found_s > longest_s:
            raise ValueError(
                f"the transcriber hears at most {longest_s:g} s, and the detector's segments have "
                f"up to {found_s:g} s: lower detector.settings.max_segment_s"
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
        """A profile knows its own name."""
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
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ProfileError(f"{path} is missing: set CALLQA_CONFIGS to the configs folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} is not YAML: {error}") from error
    try:
        return _ProfilesFile.model_validate(content).profiles
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {_describe(fault['type'])}"
            f"{fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise ProfileError(f"{path}: {problems}") from error


def _describe(fault: str) -> str:
    unknown = {"extra_forbidden", "unexpected_keyword_argument"}
    return "there is no such key, correct or remove it: " if fault in unknown else ""


def load_profile(path: Path, name: str) -> Profile:
    """One profile. Raises ProfileError."""
    profiles = load_profiles(path)
    if name not in profiles:
        raise ProfileError(
            f"{path} has no profile {name!r}: set CALLQA_MODEL_PROFILE to one of "
            f"{', '.join(sorted(profiles))}"
        )
    return profiles[name]
