"""The models of one profile, loaded once per process and only when a stage needs them.

A model's identity is known without loading it, so that a run with nothing to do loads nothing. A
part knows how its model is opened; here is what the parts of a process share.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from callqa_assets.domain.emotion.timeline import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.parts import Part, Shared
from resources.speech_models.profiles import Profile
from resources.speech_models.protocols import EmotionRecognizer, SpeechDetector, Transcriber
from resources.speech_models.runtime.device import (
    Device,
    DeviceError,
    DeviceLock,
    choose_device,
    free_cache,
    is_out_of_memory,
)
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.wheels import StoredModel

Loaded = TypeVar("Loaded")

_LOADING = threading.RLock()
"""funasr changes loggers, output and random generators while it loads: one model at a time."""


class SpeechModels:
    """Detector, transcriber and emotion recognizer of a profile, each loaded once per process.

    This process holds an accelerator from its first model on until `release`. Identities and models
    raise ModelFileError or ModelFolderError where weights are missing or damaged, and DeviceError
    where there is no such device or its memory does not suffice.
    """

    def __init__(
        self, profile: Profile, models_folder: Path, *, device_locks: Path | None = None
    ) -> None:
        """`device_locks`: folder of the accelerators' locks; None: the default of DeviceLock."""
        self._profile = profile
        self._process = _Process(profile, models_folder, device_locks)
        self._detector = _Lazy(profile.detector, self._process)
        self._transcriber = _Lazy(profile.transcriber, self._process)
        self._emotion = _Lazy(profile.emotion, self._process)

    @property
    def detector_identity(self) -> ModelIdentity:
        return self._detector.identity

    @property
    def transcriber_identity(self) -> ModelIdentity:
        return self._transcriber.identity

    @property
    def emotion_identity(self) -> ModelIdentity:
        return self._emotion.identity

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
        return self._detector.get()

    def transcriber(self) -> Transcriber:
        return self._transcriber.get()

    def emotion_recognizer(self) -> EmotionRecognizer:
        return self._emotion.get()

    def release(self) -> None:
        """Unload the models, empty the device's cache and release the device.

        The next use loads them again.
        """
        with _LOADING:
            for part in (self._detector, self._transcriber, self._emotion):
                part.drop()
            self._process.release()


class _Process:
    """What the parts of a profile share in this process: the Host that opens them."""

    def __init__(self, profile: Profile, models_folder: Path, device_locks: Path | None) -> None:
        self._profile = profile
        self._device_locks = device_locks
        self._device: Device | None = None
        self._held: DeviceLock | None = None
        self._stored: dict[Model, StoredModel] = {}
        self._shared: dict[Hashable, Any] = {}
        self.models_folder = models_folder
        self.profile_name = profile.name
        self.threads = profile.threads or os.cpu_count() or 1

    @property
    def device(self) -> Device:
        if self._device is None:
            profile = self._profile
            self._device = choose_device(profile.device, profile.precision, profile.threads)
        return self._device

    @property
    def holds_device(self) -> bool:
        return self._held is not None

    def hold_device(self) -> Device:
        if self._held is None:
            lock = DeviceLock(self.device, self._device_locks)
            lock.acquire()
            self._held = lock
        return self.device

    def give_device_back(self) -> None:
        if self._held is not None:
            free_cache(self.device)
            self._held.release()
            self._held = None

    def require(self, model: Model) -> StoredModel:
        if model not in self._stored:
            self._stored[model] = model.require(self.models_folder)
        return self._stored[model]

    def share(self, key: Hashable, load: Callable[[], Shared]) -> Shared:
        if key not in self._shared:
            self._shared[key] = load()
        return self._shared[key]

    def release(self) -> None:
        self._shared.clear()
        self.give_device_back()


class _Lazy(Generic[Loaded]):
    """The model of one part, loaded at its first use."""

    def __init__(self, part: Part[Loaded], process: _Process) -> None:
        self._part = part
        self._process = process
        self._loaded: Loaded | None = None

    @cached_property
    def identity(self) -> ModelIdentity:
        return self._part.identify(self._process)

    def get(self) -> Loaded:
        with _LOADING:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def drop(self) -> None:
        self._loaded = None

    def _load(self) -> Loaded:
        process = self._process
        held_before = process.holds_device
        try:
            return self._part.open(process)
        except Exception as error:
            if not held_before:
                process.give_device_back()
            if not isinstance(error, RuntimeError | MemoryError) or not is_out_of_memory(error):
                raise
            cause = str(error).partition("\n")[0]
            raise DeviceError(
                f"the models of profile {process.profile_name!r} do not fit into memory ({cause}): "
                "end other programs, or set another device or precision in the profile"
            ) from error


_CACHE: dict[Hashable, SpeechModels] = {}
"""The models of the profile that was requested last."""


def cached_speech_models(
    profile: Profile, models_folder: Path, *, device_locks: Path | None = None
) -> SpeechModels:
    """The process's SpeechModels for this profile: a second run in the process loads nothing.

    Those of another profile are released: a process holds the models of one profile.
    """
    key = (profile.model_dump_json(), models_folder, device_locks)
    with _LOADING:
        if key not in _CACHE:
            for earlier in _CACHE.values():
                earlier.release()
            _CACHE.clear()
            _CACHE[key] = SpeechModels(profile, models_folder, device_locks=device_locks)
        return _CACHE[key]
