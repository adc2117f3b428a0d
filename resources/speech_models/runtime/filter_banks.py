"""Log-mel filter banks as Kaldi computes them, for every family that uses them, on any device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.speech import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import torch

FRAME_SAMPLES = 400
"""25 ms, Kaldi's frame; a frame starts every `SHIFT_SAMPLES`."""
SHIFT_SAMPLES = 160
FFT_SAMPLES = 512
PREEMPHASIS = 0.97
LOWEST_HZ = 20.0

_KNOWN: Mapping[str, Any] = {
    "fs": SAMPLE_RATE_HZ,
    "window": "hamming",
    "frame_length": 25,
    "frame_shift": 10,
    "upsacle_samples": True,
    "snip_edges": True,
}
"""The front end of every released 16 kHz family; any other would be computed wrongly."""


class FrontendError(CallqaError):
    """config.yaml describes another front end than that of the released models."""


def check_front_end(frontend: Any, **known: Any) -> None:
    """Raise FrontendError where funasr's front end differs from these filter banks, or from the
    values in `known`."""
    for name, value in {**_KNOWN, **known}.items():
        if getattr(frontend, name) != value:
            raise FrontendError(
                f"frontend_conf.{name} of config.yaml is {getattr(frontend, name)!r}, and callqa "
                f"computes {value!r} only: use a released 16 kHz model"
            )


class FilterBanks:
    """Waveforms → log-mel energies, as Kaldi's compute-fbank-feats: Hamming window, no dither."""

    def __init__(self, bands: int, device: str = "cpu") -> None:
        import torch

        self._window = torch.hamming_window(FRAME_SAMPLES, periodic=False, device=device)
        self._mel = torch.from_numpy(_mel_weights(bands)).to(device)

    def compute(self, samples: torch.Tensor) -> torch.Tensor:
        """[..., samples] in [-1, 1] → [..., (samples - 400) // 160 + 1, bands]."""
        import torch

        # Kaldi's samples are 16-bit integers.
        frames = (samples * 32768.0).unfold(-1, FRAME_SAMPLES, SHIFT_SAMPLES)
        frames = frames - frames.mean(-1, keepdim=True)
        previous = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        frames = frames.sub_(previous, alpha=PREEMPHASIS).mul_(self._window)
        spectrum = torch.fft.rfft(frames, FFT_SAMPLES)
        power = spectrum.real.square().add_(spectrum.imag.square())
        energies = power @ self._mel
        return energies.clamp_min_(torch.finfo(torch.float32).eps).log_()


def _mel_weights(bands: int) -> NDArray[np.float32]:
    """Triangles evenly spaced on the mel scale from 20 Hz to 8 kHz, shape [257, bands] (Kaldi)."""
    frequencies_hz = np.fft.rfftfreq(FFT_SAMPLES, 1 / SAMPLE_RATE_HZ)
    bins = np.array([_mel(hertz) for hertz in frequencies_hz])[:, None]
    edges = np.linspace(_mel(LOWEST_HZ), _mel(SAMPLE_RATE_HZ / 2), bands + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.minimum(rising, falling).clip(min=0)
    weights[-1] = 0  # Kaldi omits the Nyquist frequency.
    return weights.astype(np.float32)


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)
