"""The models of one profile, loaded once per process and only when a stage needs them.

A model's identity is known without loading it, so that a run with nothing to do loads nothing.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callqa_assets.domain.emotion import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.compact.detector import FsmnVad, VadConfig
from resources.speech_models.compact.emotion import WhisperEmotionRecognizer
from resources.speech_models.compact.transcriber import TranscriberConfig, WhisperTranscriber
from resources.speech_models.compact.whisper import load_whisper
from resources.speech_models.protocols import EmotionRecognizer, SpeechDetector, Transcriber

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


class ProfileError(CallqaError):
    """configs/models.yaml cannot be used; the message names the file, the key and the cure."""


class EmotionSettings(BaseModel):
    """How emotions are windowed, labelled and drawn as a timeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    windows: WindowConfig = WindowConfig()
    labels: LabelConfig = LabelConfig()
    spans: SpanConfig = SpanConfig()


class CompactProfile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: Literal["compact"]
    rules: str
    """Rules file in the configuration folder."""
    threads: int = Field(0, ge=0)
    compute_type: str = "int8"
    detector: VadConfig = VadConfig()
    transcriber: TranscriberConfig = TranscriberConfig()
    emotion: EmotionSettings = EmotionSettings()


class _ProfilesFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profiles: dict[str, CompactProfile]


def load_profile(path: Path, name: str) -> CompactProfile:
    """Read one profile. Raises ProfileError."""
    try:
        profiles = _ProfilesFile.model_validate(yaml.safe_load(path.read_text("utf-8"))).profiles
    except FileNotFoundError:
        raise ProfileError(f"{path} is missing: set CALLQA_CONFIGS to the configs folder") from None
    except (yaml.YAMLError, ValidationError) as error:
        raise ProfileError(f"{path}: {error}") from error
    if name not in profiles:
        raise ProfileError(
            f"{path} has no profile {name!r}: set CALLQA_MODEL_PROFILE to one of "
            f"{', '.join(sorted(profiles))}"
        )
    return profiles[name]


class SpeechModels:
    """Detector, transcriber and emotion recognizer of a profile. One load each per process."""

    def __init__(self, profile: CompactProfile, models_folder: Path) -> None:
        self._profile = profile
        self._folder = models_folder
        self._threads = profile.threads or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._detector: FsmnVad | None = None
        self._whisper: WhisperModel | None = None
        self._transcriber: WhisperTranscriber | None = None
        self._emotion: WhisperEmotionRecognizer | None = None

    @property
    def detector_identity(self) -> ModelIdentity:
        return FsmnVad.identify(self._profile.detector)

    @property
    def transcriber_identity(self) -> ModelIdentity:
        return WhisperTranscriber.identify(self._profile.transcriber, self._profile.compute_type)

    @property
    def emotion_identity(self) -> ModelIdentity:
        return WhisperEmotionRecognizer.identify(
            self._profile.emotion.windows, self._profile.compute_type
        )

    @property
    def emotion_windows(self) -> WindowConfig:
        return self._profile.emotion.windows

    @property
    def emotion_labels(self) -> LabelConfig:
        return self._profile.emotion.labels

    @property
    def emotion_spans(self) -> SpanConfig:
        return self._profile.emotion.spans

    def detector(self) -> SpeechDetector:
        """Raises ModelFileError where a weight file is missing or damaged; so do the others."""
        with self._lock:
            if self._detector is None:
                self._detector = FsmnVad(
                    self._folder, config=self._profile.detector, threads=self._threads
                )
            return self._detector

    def transcriber(self) -> Transcriber:
        with self._lock:
            if self._transcriber is None:
                self._transcriber = WhisperTranscriber(
                    self._load_whisper(), self._profile.transcriber
                )
            return self._transcriber

    def emotion_recognizer(self) -> EmotionRecognizer:
        with self._lock:
            if self._emotion is None:
                self._emotion = WhisperEmotionRecognizer(
                    self._load_whisper(),
                    windows=self._profile.emotion.windows,
                    workers=self._threads,
                )
            return self._emotion

    def _load_whisper(self) -> WhisperModel:
        """One Whisper for transcripts and emotions."""
        if self._whisper is None:
            self._whisper = load_whisper(
                self._folder, compute_type=self._profile.compute_type, threads=self._threads
            )
        return self._whisper


_LOADED: dict[tuple[str, str], SpeechModels] = {}
_LOADED_LOCK = threading.Lock()


def cached_speech_models(profile: CompactProfile, models_folder: Path) -> SpeechModels:
    """The process's one SpeechModels for this profile: a second run in it loads nothing."""
    key = (profile.model_dump_json(), str(models_folder))
    with _LOADED_LOCK:
        return _LOADED.setdefault(key, SpeechModels(profile, models_folder))
