"""The models of one profile, loaded once per process and only when a stage needs them.

A model's identity is known without loading it, so that a run with nothing to do loads nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from callqa_assets.domain.emotion.timeline import LabelConfig, SpanConfig, WindowConfig
from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.asr.clips import Recognizer
from resources.speech_models.asr.funasr_transcriber import (
    FunasrTranscriber,
    FunasrTranscriberConfig,
)
from resources.speech_models.asr.nano import NanoRecognizer
from resources.speech_models.asr.punctuation import CtPunctuator
from resources.speech_models.asr.seaco import SeacoRecognizer
from resources.speech_models.asr.sensevoice import SenseVoiceRecognizer
from resources.speech_models.asr.whisper_transcriber import WhisperTranscriber
from resources.speech_models.emotion.emotion2vec import Emotion2vecRecognizer
from resources.speech_models.emotion.whisper_head import WhisperEmotionRecognizer
from resources.speech_models.profiles import (
    Emotion2vecPart,
    NanoPart,
    Part,
    Profile,
    SeacoPart,
    SenseVoicePart,
    WhisperHeadPart,
    WhisperPart,
)
from resources.speech_models.protocols import EmotionRecognizer, SpeechDetector, Transcriber
from resources.speech_models.runtime.device import (
    Device,
    DeviceError,
    DeviceLock,
    choose_device,
    free_cache,
    is_out_of_memory,
)
from resources.speech_models.runtime.whisper import load_whisper
from resources.speech_models.vad.detector import FsmnVad
from resources.speech_models.weights.wheels import StoredModel

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

Loaded = TypeVar("Loaded")

_LOADING = threading.RLock()
"""funasr takes over loggers, output and random generators while it loads: one model at a time."""


@dataclass(frozen=True)
class _Plan(Generic[Loaded]):
    """One part of the profile: what it is, and how it is loaded."""

    identity: ModelIdentity
    load: Callable[[], Loaded]


class SpeechModels:
    """Detector, transcriber and emotion recognizer of a profile. One load each per process.

    An accelerator belongs to this process from its first model on until `release`. Identities and
    models raise ModelFileError or ModelFolderError where weights are missing or damaged, and
    DeviceError where there is no such device or no room on it.
    """

    def __init__(self, profile: Profile, models_folder: Path) -> None:
        self._profile = profile
        self._folder = models_folder
        self._threads = profile.threads or os.cpu_count() or 1
        self._detector: SpeechDetector | None = None
        self._transcriber: Transcriber | None = None
        self._emotion: EmotionRecognizer | None = None
        self._whisper: dict[str, WhisperModel] = {}
        self._held: DeviceLock | None = None

    @property
    def detector_identity(self) -> ModelIdentity:
        return self._detector_plan.identity

    @property
    def transcriber_identity(self) -> ModelIdentity:
        return self._transcriber_plan.identity

    @property
    def emotion_identity(self) -> ModelIdentity:
        return self._emotion_plan.identity

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
        with _LOADING:
            if self._detector is None:
                self._detector = self._load(self._detector_plan)
            return self._detector

    def transcriber(self) -> Transcriber:
        with _LOADING:
            if self._transcriber is None:
                self._transcriber = self._load(self._transcriber_plan)
            return self._transcriber

    def emotion_recognizer(self) -> EmotionRecognizer:
        with _LOADING:
            if self._emotion is None:
                self._emotion = self._load(self._emotion_plan)
            return self._emotion

    def release(self) -> None:
        """Drop the models, empty the device's cache and give the device free.

        The next use loads them again.
        """
        with _LOADING:
            self._detector = self._transcriber = self._emotion = None
            self._whisper.clear()
            self._give_device_back()

    @cached_property
    def _device(self) -> Device:
        """Of the funasr backends; the others never ask, and need no torch to be identified."""
        profile = self._profile
        return choose_device(profile.device, profile.precision, profile.threads)

    def _hold_device(self) -> Device:
        """The device, which no other process uses from now on."""
        if self._held is None:
            lock = DeviceLock(self._device)
            lock.acquire()
            self._held = lock
        return self._device

    def _give_device_back(self) -> None:
        if self._held is not None:
            free_cache(self._device)
            self._held.release()
            self._held = None

    def _require(self, part: Part) -> list[StoredModel]:
        return [model.require(self._folder) for model in part.models(self._profile.name)]

    @cached_property
    def _detector_plan(self) -> _Plan[SpeechDetector]:
        part = self._profile.detector
        (vad,) = part.models(self._profile.name)
        return _Plan(
            FsmnVad.identify(part.settings, vad.identify(self._folder)),
            lambda: FsmnVad(self._folder, config=part.settings, threads=self._threads, model=vad),
        )

    @cached_property
    def _transcriber_plan(self) -> _Plan[Transcriber]:
        match self._profile.transcriber:
            case WhisperPart() as part:
                return _Plan(
                    WhisperTranscriber.identify(part.settings, part.compute_type),
                    lambda: WhisperTranscriber(
                        self._load_whisper(part.compute_type), part.settings
                    ),
                )
            case SeacoPart() as part:
                seaco, *marks = self._require(part)
                precision = self._device.precision
                return self._plan_funasr(
                    part.settings,
                    SeacoRecognizer.identify(seaco.sha256, precision),
                    lambda device: SeacoRecognizer(seaco.folder, device, seaco.sha256),
                    *marks,
                )
            case SenseVoicePart() as part:
                (sense,) = self._require(part)
                return self._plan_funasr(
                    part.settings,
                    SenseVoiceRecognizer.identify(sense.sha256, self._device.precision),
                    lambda device: SenseVoiceRecognizer(sense.folder, device, sense.sha256),
                )
            case NanoPart() as part:
                return self._plan_nano(part)

    def _plan_nano(self, part: NanoPart) -> _Plan[Transcriber]:
        nano, *timing = self._require(part)
        precision = self._device.precision

        def load(device: Device) -> Recognizer:
            aligners = [
                SeacoRecognizer(paraformer.folder, device, paraformer.sha256, "paraformer")
                for paraformer in timing
            ]
            return NanoRecognizer(nano.folder, device, nano.sha256, part.nano, *aligners)

        aligners = [
            SeacoRecognizer.identify(paraformer.sha256, precision, "paraformer")
            for paraformer in timing
        ]
        return self._plan_funasr(
            part.settings,
            NanoRecognizer.identify(nano.sha256, precision, part.nano, *aligners),
            load,
        )

    def _plan_funasr(
        self,
        settings: FunasrTranscriberConfig,
        recognizer: ModelIdentity,
        load: Callable[[Device], Recognizer],
        marks: StoredModel | None = None,
    ) -> _Plan[Transcriber]:
        def load_transcriber() -> Transcriber:
            device = self._hold_device()
            punctuator = CtPunctuator(marks.folder, device, marks.sha256) if marks else None
            return FunasrTranscriber(load(device), settings, device, punctuator)

        punctuator = CtPunctuator.identify(marks.sha256, self._device.precision) if marks else None
        return _Plan(FunasrTranscriber.identify(recognizer, settings, punctuator), load_transcriber)

    @cached_property
    def _emotion_plan(self) -> _Plan[EmotionRecognizer]:
        match self._profile.emotion:
            case WhisperHeadPart() as part:
                return _Plan(
                    WhisperEmotionRecognizer.identify(part.windows, part.compute_type),
                    lambda: WhisperEmotionRecognizer(
                        self._load_whisper(part.compute_type),
                        windows=part.windows,
                        workers=self._threads,
                    ),
                )
            case Emotion2vecPart() as part:
                (emotion2vec,) = self._require(part)
                windows, settings = part.windows, part.settings
                return _Plan(
                    Emotion2vecRecognizer.identify(
                        emotion2vec.sha256, self._device.precision, windows, settings
                    ),
                    lambda: Emotion2vecRecognizer(
                        emotion2vec, device=self._hold_device(), windows=windows, config=settings
                    ),
                )

    def _load_whisper(self, compute_type: str) -> WhisperModel:
        """One Whisper for transcripts and emotions that ask for the same."""
        if compute_type not in self._whisper:
            self._whisper[compute_type] = load_whisper(
                self._folder, compute_type=compute_type, threads=self._threads
            )
        return self._whisper[compute_type]

    def _load(self, plan: _Plan[Loaded]) -> Loaded:
        held_before = self._held is not None
        try:
            return plan.load()
        except Exception as error:
            if not held_before:
                self._give_device_back()
            if not isinstance(error, RuntimeError | MemoryError) or not is_out_of_memory(error):
                raise
            said = str(error).partition("\n")[0]
            raise DeviceError(
                f"the models of profile {self._profile.name!r} do not fit into memory ({said}): "
                "end other programs, or set another device or precision in the profile"
            ) from error


_CACHE: dict[tuple[str, str], SpeechModels] = {}


def cached_speech_models(profile: Profile, models_folder: Path) -> SpeechModels:
    """The process's one SpeechModels for this profile: a second run in it loads nothing."""
    key = (profile.model_dump_json(), str(models_folder))
    with _LOADING:
        return _CACHE.setdefault(key, SpeechModels(profile, models_folder))
