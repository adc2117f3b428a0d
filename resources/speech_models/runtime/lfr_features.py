"""LFR features, the input of the ASR families: stacked, normalised filter banks of a batch.

The same values as those of funasr's WavFrontend without dither, but computed on the device: funasr
computes them clip by clip on the CPU, which would be an accelerator's bottleneck.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform
from resources.speech_models.runtime.device import Device, send
from resources.speech_models.runtime.filter_banks import (
    FRAME_SAMPLES,
    SHIFT_SAMPLES,
    FilterBanks,
    check_front_end,
)

if TYPE_CHECKING:
    import torch


class Features:
    """Waveforms → [rows, frames, bands · lfr_m]; each row depends on its own waveform alone."""

    def __init__(self, frontend: Any, device: Device) -> None:
        """`frontend` is funasr's WavFrontend. Raises FrontendError where it is not supported."""
        check_front_end(frontend)
        self._device = device
        self._banks = FilterBanks(frontend.n_mels, device.name)
        self._stacked, self._step = frontend.lfr_m, frontend.lfr_n
        self._shift, self._scale = frontend.cmvn.to(device.name)
        self.frame_s = self._step * SHIFT_SAMPLES / SAMPLE_RATE_HZ
        """Seconds from one stacked frame to the next."""

    def compute(self, waveforms: Sequence[Waveform]) -> tuple[torch.Tensor, torch.Tensor]:
        """Features on the device, 0 beyond a row's frames; frames of each row, int32, on the CPU.

        Every waveform has at least 25 ms.
        """
        import torch

        samples = torch.zeros(
            len(waveforms),
            max(len(waveform) for waveform in waveforms),
            pin_memory=self._device.kind == "cuda",
        )
        for row, waveform in enumerate(waveforms):
            samples[row, : len(waveform)] = torch.from_numpy(waveform)
        frames = torch.tensor(
            [(len(waveform) - FRAME_SAMPLES) // SHIFT_SAMPLES + 1 for waveform in waveforms]
        )
        # Energies overflow fp16, and bf16 would round them: always fp32.
        with torch.autocast(self._device.kind, enabled=False):
            banks = self._banks.compute(send(samples, self._device.name))
            features = self._stack(banks, send(frames, self._device.name))
        return features, ((frames + self._step - 1) // self._step).int()

    def _stack(self, banks: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Every `lfr_n`-th frame with its neighbours; the first and last are repeated at the ends.

        The low frame rate of Paraformer (Gao et al. 2022): 7 frames of 10 ms, every 60 ms.
        """
        import torch

        starts = torch.arange(-(-banks.shape[1] // self._step), device=banks.device) * self._step
        offsets = torch.arange(self._stacked, device=banks.device) - (self._stacked - 1) // 2
        wanted = (starts[:, None] + offsets).clamp_min(0)
        wanted = torch.minimum(wanted, frames[:, None, None] - 1)
        rows = torch.arange(len(banks), device=banks.device)[:, None, None]
        stacked = (banks[rows, wanted].flatten(2) + self._shift) * self._scale
        return stacked.masked_fill_((starts >= frames[:, None])[..., None], 0.0)
