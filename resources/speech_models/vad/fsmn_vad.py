"""FSMN-VAD's arithmetic: silence posteriors of a waveform, and the segments that follow from them.

The same values as funasr's offline inference, at less than half its cost: funasr computes filter
banks and decides frame by frame in Python objects. Weights and settings are those of the model that
`detector` loads.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import ChannelSound
from resources.speech_models.runtime.filter_banks import (
    FRAME_SAMPLES,
    SHIFT_SAMPLES,
    FilterBanks,
    check_front_end,
)

if TYPE_CHECKING:
    import torch

BLOCK_FRAMES = 1000
"""Frames scored at once, 10 s of audio: they fit into the processor's cache."""


class SilenceScorer:
    """Probability of silence, frame by frame."""

    def __init__(self, encoder: Any, frontend: Any) -> None:
        """`encoder` and `frontend` are funasr's FSMN and WavFrontendOnline.

        Raises FrontendError where config.yaml describes another front end, such as 8 kHz.
        """
        check_front_end(frontend, lfr_n=1)
        self._encoder = encoder
        self._shift, self._scale = frontend.cmvn
        self._context = (frontend.lfr_m - 1) // 2
        self._banks = FilterBanks(frontend.n_mels)

    def score(self, waveforms: Sequence[ChannelSound]) -> list[NDArray[np.float32]]:
        """Silence posteriors of each waveform, shape [(samples - 400) // 160 + 1].

        Every waveform has at least 400 samples. Short ones are scored together: the encoder is
        causal, so that padding at the end changes nothing.
        """
        import torch

        frames = [(len(waveform) - FRAME_SAMPLES) // SHIFT_SAMPLES + 1 for waveform in waveforms]
        scores: dict[int, NDArray[np.float32]] = {}
        with torch.inference_mode():
            for batch in _make_batches(frames):
                if frames[batch[0]] > BLOCK_FRAMES:
                    (index,) = batch
                    scores[index] = self._score_in_blocks(waveforms[index], frames[index])
                    continue
                features = [
                    self._features(waveforms[index], 0, frames[index], frames[index])
                    for index in batch
                ]
                padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
                for index, silence in zip(batch, self._score_rows(padded, {}), strict=True):
                    scores[index] = silence[: frames[index]]
        return [scores[index] for index in range(len(waveforms))]

    def _score_in_blocks(self, waveform: ChannelSound, frames: int) -> NDArray[np.float32]:
        """The result is exact: the encoder carries its state from block to block."""
        memory: dict[str, torch.Tensor] = {}
        blocks = [
            self._score_rows(self._features(waveform, start, stop, frames)[None], memory)[0]
            for start in range(0, frames, BLOCK_FRAMES)
            for stop in [min(start + BLOCK_FRAMES, frames)]
        ]
        return np.concatenate(blocks)

    def _score_rows(
        self, features: torch.Tensor, memory: dict[str, torch.Tensor]
    ) -> NDArray[np.float32]:
        """Silence posteriors [rows, frames] of features [rows, frames, 400]."""
        posteriors = self._encoder(features, cache=memory)
        # Class 0 of 248 is silence: `sil_pdf_ids` of the model's config.yaml.
        # A copy, or every block's 248 classes would stay in memory.
        return posteriors[..., 0].numpy().copy()

    def _features(self, waveform: ChannelSound, start: int, stop: int, total: int) -> torch.Tensor:
        """Normalised encoder inputs of frames start..stop, shape [stop - start, 400].

        Each is a frame's filter bank with those of its neighbours; the first and last frame of the
        channel are repeated at its ends.
        """
        import torch

        low, high = max(start - self._context, 0), min(stop + self._context, total)
        samples = waveform[low * SHIFT_SAMPLES : (high - 1) * SHIFT_SAMPLES + FRAME_SAMPLES]
        banks = self._banks.compute(torch.tensor(samples, dtype=torch.float32))
        wanted = torch.arange(start - self._context, stop + self._context).clamp_(0, total - 1)
        stacked = banks[wanted - low].unfold(0, 2 * self._context + 1, 1).transpose(1, 2)
        # The rows overlap in memory: in-place operations must follow the first new tensor.
        return (stacked.reshape(stop - start, -1) + self._shift).mul_(self._scale)


def _make_batches(frames: Sequence[int]) -> Iterator[list[int]]:
    """Indices of waveforms to score at once: as many as fit into a block, the shortest first."""
    batch: list[int] = []
    for index in sorted(range(len(frames)), key=lambda index: frames[index]):
        if batch and (len(batch) + 1) * frames[index] > BLOCK_FRAMES:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@dataclass(frozen=True)
class SegmentRules:
    """When speech begins and ends, in frames of `frame_ms`.

    The values are the model's (`vad_opts` of funasr's FsmnVADStreaming, from its config.yaml).
    Neither length nor loudness ends a segment: the model's thresholds of -100 dB are below digital
    silence.
    """

    frame_ms: int
    speech_over_silence: float
    """By how much P(speech) must exceed P(silence)."""
    window_frames: int
    on_frames: int
    """Speech begins with at least this many speech frames in the window."""
    off_frames: int
    """Speech ends with at most this many speech frames in the window."""
    lookback_frames: int
    """How long before its detection a segment may begin."""
    end_silence_frames: int
    """Silent frames, after speech ended in the window, that end a segment."""
    end_lookback_frames: int
    """A segment ends this many frames before the last of these."""

    @staticmethod
    def of(options: Any, max_end_silence_ms: int) -> SegmentRules:
        """The rules of `options`, funasr's VADXOptions, but with `max_end_silence_ms`."""
        frame_ms = options.frame_in_ms
        window_frames = options.window_size_ms // frame_ms
        silence_ms = max_end_silence_ms - options.speech_to_sil_time_thres
        kept_frames = options.lookahead_time_end_point // frame_ms + 1
        return SegmentRules(
            frame_ms=frame_ms,
            speech_over_silence=options.speech_noise_thres,
            window_frames=window_frames,
            on_frames=options.sil_to_speech_time_thres // frame_ms,
            off_frames=options.speech_to_sil_time_thres // frame_ms,
            lookback_frames=window_frames + options.lookback_time_start_point // frame_ms,
            end_silence_frames=max(1, math.ceil(silence_ms / frame_ms)),
            end_lookback_frames=max(0, silence_ms // frame_ms - kept_frames),
        )


def find_segments_ms(silence: NDArray[np.float32], rules: SegmentRules) -> list[tuple[int, int]]:
    """Speech segments (start, end) in ms, ascending and disjoint, from silence posteriors.

    The state machine of funasr's FsmnVADStreaming, offline, for several utterances.
    """
    posteriors = silence.astype(np.float64)
    is_speech = 1.0 - posteriors >= posteriors + rules.speech_over_silence
    # Not a list: its integers would take nine times the memory.
    speech_before = array("i", [0])
    speech_before.frombytes(np.cumsum(is_speech, dtype=np.intc).tobytes())
    segments: list[tuple[int, int]] = []
    start: int | None = None
    earliest_start = window_start = silent_frames = 0
    speaking = False
    for frame in range(len(silence)):
        first = max(window_start, frame + 1 - rules.window_frames)
        in_window = speech_before[frame + 1] - speech_before[first]
        turns = in_window <= rules.off_frames if speaking else in_window >= rules.on_frames
        speaking ^= turns
        silent_frames = 0 if speaking or turns else silent_frames + 1
        if start is None:
            earliest_start = max(earliest_start, frame - rules.lookback_frames)
            if speaking:
                start = earliest_start
        elif silent_frames >= rules.end_silence_frames:
            end = frame - rules.end_lookback_frames + 1
            segments.append((start * rules.frame_ms, end * rules.frame_ms))
            start, earliest_start, window_start = None, end, frame + 1
            silent_frames = 0
    if start is not None:
        segments.append((start * rules.frame_ms, len(silence) * rules.frame_ms))
    return segments
