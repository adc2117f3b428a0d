"""Model profiles: what `configs/models.yaml` may say, and what each backend needs.

A profile is three parts (detector, transcriber, emotion), each of a backend, and where they
compute. Only settings: models are loaded by `speech_models`, fetched by `model_files` and
`model_store`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from callqa_assets.domain.emotion.timeline import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.errors import CallqaError
from resources.speech_models.asr.funasr_transcriber import FunasrTranscriberConfig
from resources.speech_models.asr.nano import NanoConfig
from resources.speech_models.asr.whisper_transcriber import WhisperTranscriberConfig
from resources.speech_models.emotion.emotion2vec import Emotion2vecConfig
from resources.speech_models.runtime.device import DEVICE_PATTERN, AskedPrecision
from resources.speech_models.vad.detector import RELEASED, VadConfig
from resources.speech_models.weights.hub import HubModel, Model
from resources.speech_models.weights.layouts import Family
from resources.speech_models.weights.wheels import WheelModel

DEFAULT_PROFILE = "compact"
EMOTION2VEC_WINDOW_S = 3.0
"""emotion2vec says little of less (ddlBoJack/emotion2vec, issue 41)."""
LONGEST_SEGMENT_S = 30.0
"""No transcriber hears more at once, and the checks of the segments know it."""


class ProfileError(CallqaError):
    """configs/models.yaml cannot be used; the message names the file, the key and the cure."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(Protocol):
    """One of a profile's three parts."""

    def models(self, profile: str) -> list[Model]:
        """The models it needs; the first is its own."""
        ...


_HubId = Annotated[str, Field(pattern=r"^\w[\w.-]*/\w[\w.-]*$")]


class _HubWeights(_Section):
    """Where a model's weights come from."""

    family: ClassVar[Family]
    model: _HubId
    """Id on ModelScope."""
    revision: str
    folder: Path | None = None
    """Weights of one's own instead; absolute, or relative to the models folder."""

    def of(self, profile: str) -> HubModel:
        return HubModel(self.family, self.model, self.revision, profile, self.folder)


class SeacoWeights(_HubWeights):
    family: ClassVar[Family] = "seaco"
    model: _HubId = "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    revision: str = "v2.0.4"


class ParaformerWeights(_HubWeights):
    family: ClassVar[Family] = "paraformer"
    model: _HubId = "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    revision: str = "v2.0.4"


class CtPuncWeights(_HubWeights):
    family: ClassVar[Family] = "ct-punc"
    model: _HubId = "iic/punc_ct-transformer_cn-en-common-vocab471067-large"
    revision: str = "v2.0.4"


class SenseVoiceWeights(_HubWeights):
    family: ClassVar[Family] = "sensevoice"
    model: _HubId = "iic/SenseVoiceSmall"
    revision: str = "master"


class NanoWeights(_HubWeights):
    family: ClassVar[Family] = "nano"
    model: _HubId = "FunAudioLLM/Fun-ASR-Nano-2512"
    revision: str = "master"


class Emotion2vecWeights(_HubWeights):
    family: ClassVar[Family] = "emotion2vec"
    model: _HubId = "iic/emotion2vec_plus_large"
    revision: str = "v2.0.5"


class FsmnVadWeights(_Section):
    folder: Path | None = None
    """Weights of one's own instead of the released ones, which wheels carry."""

    def of(self, profile: str) -> Model:
        if self.folder is None:
            return RELEASED
        released = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
        return HubModel("fsmn-vad", released, "v2.0.4", profile, self.folder)


class FsmnVadPart(_Section):
    """FSMN-VAD, on the CPU: there it costs thousandths of the audio's length."""

    backend: Literal["fsmn_vad"]
    weights: FsmnVadWeights = FsmnVadWeights()
    settings: VadConfig = VadConfig()

    @field_validator("settings")
    @classmethod
    def _fit_transcribers(cls, settings: VadConfig) -> VadConfig:
        if not 0 < settings.max_segment_s <= LONGEST_SEGMENT_S:
            raise ValueError(f"max_segment_s must be above 0 and at most {LONGEST_SEGMENT_S:g}")
        return settings

    def models(self, profile: str) -> list[Model]:
        return [self.weights.of(profile)]


class WhisperPart(_Section):
    """Whisper base through CTranslate2, on the CPU."""

    backend: Literal["whisper"]
    compute_type: str = "int8"
    """CTranslate2's precision. Parts that name the same one share one model."""
    settings: WhisperTranscriberConfig = WhisperTranscriberConfig()

    @property
    def longest_s(self) -> float:
        """Longest segment that it hears."""
        return self.settings.packing.window_s

    def models(self, profile: str) -> list[Model]:
        return [WheelModel("whisper-base")]


class _FunasrPart(_Section):
    settings: FunasrTranscriberConfig = FunasrTranscriberConfig()

    @property
    def longest_s(self) -> float:
        """Longest segment that it hears."""
        return self.settings.longest_s


class SeacoPart(_FunasrPart):
    """SeACo-Paraformer, with hotwords and word times, and ct-punc, on the profile's device."""

    backend: Literal["seaco"]
    weights: SeacoWeights = SeacoWeights()
    punctuation: CtPuncWeights | None = CtPuncWeights()
    """None: no marks are written."""

    def models(self, profile: str) -> list[Model]:
        marks = [self.punctuation.of(profile)] if self.punctuation else []
        return [self.weights.of(profile), *marks]


class SenseVoicePart(_FunasrPart):
    """SenseVoice Small, which writes its own punctuation, on the profile's device."""

    backend: Literal["sensevoice"]
    weights: SenseVoiceWeights = SenseVoiceWeights()

    def models(self, profile: str) -> list[Model]:
        return [self.weights.of(profile)]


class NanoPart(_FunasrPart):
    """Fun-ASR-Nano, with hotwords, its words timed by Paraformer, on the profile's device."""

    backend: Literal["nano"]
    weights: NanoWeights = NanoWeights()
    nano: NanoConfig = NanoConfig()
    word_times: ParaformerWeights | None = ParaformerWeights()
    """None: words share their segment evenly."""

    def models(self, profile: str) -> list[Model]:
        timing = [self.word_times.of(profile)] if self.word_times else []
        return [self.weights.of(profile), *timing]


class _Timeline(_Section):
    """How emotions are windowed, labelled and drawn as a timeline."""

    windows: WindowConfig = WindowConfig()
    labels: LabelConfig = LabelConfig()
    spans: SpanConfig = SpanConfig()


class WhisperHeadPart(_Timeline):
    """Our emotion head on Whisper's encoder, on the CPU."""

    backend: Literal["whisper_head"]
    compute_type: str = "int8"

    def models(self, profile: str) -> list[Model]:
        return [WheelModel("whisper-base")]


class Emotion2vecPart(_Timeline):
    """emotion2vec+ large, on the profile's device."""

    backend: Literal["emotion2vec"]
    weights: Emotion2vecWeights = Emotion2vecWeights()
    settings: Emotion2vecConfig = Emotion2vecConfig()
    windows: WindowConfig = WindowConfig(window_sec=EMOTION2VEC_WINDOW_S)

    @field_validator("windows", mode="before")
    @classmethod
    def _keep_length(cls, windows: Any) -> Any:
        """Other keys of the windows leave their length as it is for this model."""
        if isinstance(windows, dict):
            return {"window_sec": EMOTION2VEC_WINDOW_S, **windows}
        return windows

    def models(self, profile: str) -> list[Model]:
        return [self.weights.of(profile)]


class Profile(_Section):
    name: str
    """The key under `profiles`; not written a second time."""
    rules: str = Field(pattern=r"^\w[\w.-]*$")
    """Rules file in the configuration folder: thresholds belong to a model."""
    device: str = Field("auto", pattern=f"^({DEVICE_PATTERN})$")
    """Of the funasr backends; the others compute on the CPU."""
    precision: AskedPrecision = "auto"
    threads: int = Field(0, ge=0)
    """CPU threads; 0: every core."""
    detector: FsmnVadPart
    transcriber: Annotated[
        WhisperPart | SeacoPart | SenseVoicePart | NanoPart, Field(discriminator="backend")
    ]
    emotion: Annotated[WhisperHeadPart | Emotion2vecPart, Field(discriminator="backend")]

    @model_validator(mode="after")
    def _hear_whole_segments(self) -> Profile:
        longest_s = self.transcriber.longest_s
        if self.detector.settings.max_segment_s > longest_s:
            raise ValueError(
                f"the transcriber hears at most {longest_s:g} s, and the detector's segments have "
                f"up to {self.detector.settings.max_segment_s:g} s: lower detector.settings."
                "max_segment_s"
            )
        return self

    def models(self) -> dict[str, Sequence[Model]]:
        """The models that each part needs."""
        return {
            "detector": self.detector.models(self.name),
            "transcriber": self.transcriber.models(self.name),
            "emotion": self.emotion.models(self.name),
        }


class _ProfilesFile(_Section):
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
