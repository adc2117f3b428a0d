"""The models of one profile, loaded once per process and only when a stage needs them.

A model's identity is known without loading it, so that a run with nothing to do loads nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from callqa_assets.domain.emotion import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.compact.detector import FsmnVad
from resources.speech_models.compact.emotion import WhisperEmotionRecognizer
from resources.speech_models.compact.transcriber import WhisperTranscriber
from resources.speech_models.compact.whisper import load_whisper
from resources.speech_models.device import (
    Device,
    DeviceError,
    DeviceLock,
    MemoryGuard,
    choose_device,
    free_cache,
    is_out_of_memory,
)
from resources.speech_models.profiles import Profile
from resources.speech_models.protocols import EmotionRecognizer, SpeechDetector, Transcriber

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

Loaded = TypeVar("Loaded")


class SpeechModels:
    """Detector, transcriber and emotion recognizer of a profile. One load each per process.

    An accelerator belongs to this process from its first model on until `release`. Each of the
    three may raise ModelFileError or ModelFolderError where weights are missing or damaged, and
    DeviceError where there is no such device or no room on it.
    """

    def __init__(self, profile: Profile, models_folder: Path) -> None:
        self._profile = profile
        self._folder = models_folder
        self._threads = profile.threads or os.cpu_count() or 1
        self._lock = threading.RLock()
        self._detector: SpeechDetector | None = None
        self._transcriber: Transcriber | None = None
        self._emotion: EmotionRecognizer | None = None
        self._whisper: dict[str, WhisperModel] = {}

    @cached_property
    def detector_identity(self) -> ModelIdentity:
        part = self._profile.detector
        weights = part.model(self._profile.name)
        if part.folder is None:
            return FsmnVad.identify(part.settings)
        return FsmnVad.identify(part.settings, weights.require(self._folder).sha256)

    @cached_property
    def transcriber_identity(self) -> ModelIdentity:
        part = self._profile.transcriber
        return WhisperTranscriber.identify(part.settings, part.compute_type)

    @cached_property
    def emotion_identity(self) -> ModelIdentity:
        part = self._profile.emotion
        return WhisperEmotionRecognizer.identify(part.windows, part.compute_type)

    @property
    def emotion_windows(self) -> WindowConfig:
        return self._profile.emotion.windows

    @property
    def emotion_labels(self) -> LabelConfig:
        return self._profile.emotion.labels

    @property
    def emotion_spans(self) -> SpanConfig:
        return self._profile.emotion.spans

    @property
    def out_of_memory_halvings(self) -> int:
        """How often a batch was halved in this process, because the device had no room for it."""
        return self._memory.halvings if "_memory" in self.__dict__ else 0

    def detector(self) -> SpeechDetector:
        with self._lock:
            if self._detector is None:
                self._detector = self._load(self._load_detector)
            return self._detector

    def transcriber(self) -> Transcriber:
        with self._lock:
            if self._transcriber is None:
                self._transcriber = self._load(self._load_transcriber)
            return self._transcriber

    def emotion_recognizer(self) -> EmotionRecognizer:
        with self._lock:
            if self._emotion is None:
                self._emotion = self._load(self._load_emotion)
            return self._emotion

    def release(self) -> None:
        """Drop the models, empty the device's cache and give the device free.

        The next use loads them again.
        """
        with self._lock:
            self._detector = self._transcriber = self._emotion = None
            self._whisper.clear()
            if "_device_lock" in self.__dict__:
                free_cache(self._device)
                self._device_lock.release()

    @cached_property
    def _device(self) -> Device:
        profile = self._profile
        return choose_device(profile.device, profile.precision, profile.threads)

    @cached_property
    def _device_lock(self) -> DeviceLock:
        return DeviceLock(self._device)

    @cached_property
    def _memory(self) -> MemoryGuard:
        return MemoryGuard(self._device)

    def _load_detector(self) -> SpeechDetector:
        part = self._profile.detector
        return FsmnVad(
            self._folder,
            config=part.settings,
            threads=self._threads,
            model=part.model(self._profile.name),
        )

    def _load_transcriber(self) -> Transcriber:
        part = self._profile.transcriber
        return WhisperTranscriber(self._load_whisper(part.compute_type), part.settings)

    def _load_emotion(self) -> EmotionRecognizer:
        part = self._profile.emotion
        return WhisperEmotionRecognizer(
            self._load_whisper(part.compute_type), windows=part.windows, workers=self._threads
        )

    def _load_whisper(self, compute_type: str) -> WhisperModel:
        """One Whisper for transcripts and emotions."""
        if compute_type not in self._whisper:
            self._whisper[compute_type] = load_whisper(
                self._folder, compute_type=compute_type, threads=self._threads
            )
        return self._whisper[compute_type]

    def _load(self, load: Callable[[], Loaded]) -> Loaded:
        try:
            return load()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            name = self._device.name
            raise DeviceError(
                f"the models of profile {self._profile.name!r} do not fit into the memory of "
                f"{name} ({str(error).partition(chr(10))[0]}): end other programs on it, or set "
                "another device or precision in the profile"
            ) from error


_LOADED: dict[tuple[str, str], SpeechModels] = {}
_LOADED_LOCK = threading.Lock()


def cached_speech_models(profile: Profile, models_folder: Path) -> SpeechModels:
    """The process's one SpeechModels for this profile: a second run in it loads nothing."""
    key = (profile.model_dump_json(), str(models_folder))
    with _LOADED_LOCK:
        return _LOADED.setdefault(key, SpeechModels(profile, models_folder))
