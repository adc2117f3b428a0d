"""FSMN-VAD with the real weights, which funasr loads and checks: where there is speech.

What the model computes is `resources.speech_models.compact.fsmn_vad`. Splitting of long speech is
plain signal processing and lives in `callqa_assets.domain.segments`.
"""

from __future__ import annotations

import io
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from callqa_assets.domain.segments import SplitConfig, split_long_segments
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ModelIdentity, Span, Waveform
from resources.speech_models.compact.fsmn_vad import (
    FRAME_SAMPLES,
    SegmentRules,
    SilenceScorer,
    find_segments_ms,
)
from resources.speech_models.model_files import model_sha256, require_model


@dataclass(frozen=True)
class VadConfig:
    max_end_silence_ms: int = 800
    """Silence that ends a segment, at any time of a call. funasr's own default is a schedule that
    merges or shreds, depending on the length of the call."""
    max_segment_s: float = 30.0


class FsmnVad:
    """Speech detector. The same segments as funasr's `generate` finds, for less."""

    identity: ModelIdentity

    def __init__(self, folder: Path, *, config: VadConfig, threads: int) -> None:
        """Load from the models folder; `threads` are torch's, for the whole process.

        Raises ModelFileError where a file is missing or damaged.
        """
        path = require_model(folder, "fsmn-vad")
        self._split = SplitConfig(max_s=config.max_segment_s)
        self.identity = self.identify(config)
        with _process_as_found():
            from funasr import AutoModel
        with _process_as_found():
            loaded = AutoModel(
                model=str(path),
                device="cpu",
                ncpu=threads,
                disable_update=True,
                disable_pbar=True,
                log_level="ERROR",
            )
        self._scorer = SilenceScorer(loaded.model.encoder, loaded.kwargs["frontend"])
        # The model would also cut long speech hard, mid-word: we cut at the quietest point instead.
        self._rules = SegmentRules.of(loaded.model.vad_opts, config.max_end_silence_ms)

    @staticmethod
    def identify(config: VadConfig) -> ModelIdentity:
        """The detector's identity, without loading it."""
        return ModelIdentity("fsmn-vad", model_sha256("fsmn-vad"), asdict(config))

    def detect(self, waveforms: Sequence[Waveform]) -> list[list[Span]]:
        """Speech segments of each channel; none in less than 25 ms.

        Raises ValueError where a waveform is not mono or not finite.
        """
        for number, waveform in enumerate(waveforms):
            if waveform.ndim != 1 or not np.isfinite(waveform).all():
                raise ValueError(f"waveform {number} is not mono, or holds NaN or infinite samples")
        return [self._detect_one(waveform) for waveform in waveforms]

    def _detect_one(self, waveform: Waveform) -> list[Span]:
        if len(waveform) < FRAME_SAMPLES:
            return []
        segments_ms = find_segments_ms(self._scorer.score(waveform), self._rules)
        duration_s = len(waveform) / SAMPLE_RATE_HZ
        spans = [
            Span(start_ms / 1000, min(end_ms / 1000, duration_s))
            for start_ms, end_ms in segments_ms
            if start_ms / 1000 < duration_s
        ]
        return split_long_segments(waveform, spans, self._split)


@contextmanager
def _process_as_found() -> Iterator[None]:
    """funasr reseeds the global random generators, takes over the root logger and prints notices.

    Generators and logger are put back; what is printed (advice on packages that are not needed
    here) goes to the debug log.
    """
    import torch

    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        logging.getLogger(__name__).debug("funasr: %s", printed.getvalue().strip())
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        root.handlers[:] = handlers
        root.setLevel(level)
