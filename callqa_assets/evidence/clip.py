"""The sound around an alert: a WAV file in memory, and the peaks of its waveform."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.evidence.facts import EvidenceError
from resources.storage.archive import open_recording

MARGIN_S = 10.0
"""Before and after the alert."""
PEAKS = 600


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording."""

    start_s: float
    end_s: float
    wav: bytes
    peaks: Sequence[Sequence[float]]
    """By channel: the largest of each of `PEAKS` equal parts, 0 to 1 of the clip's largest."""


def cut_clip(path: Path, encoding: Encoding | None, started_s: float, ended_s: float) -> Clip:
    """The sound from `MARGIN_S` before to `MARGIN_S` after. Raises EvidenceError."""
    start_s = max(0.0, started_s - MARGIN_S)
    try:
        with open_recording(path, encoding) as stream:
            rate_hz = stream.sample_rate_hz
            first, last = round(start_s * rate_hz), round((ended_s + MARGIN_S) * rate_hz)
            parts: list[np.ndarray] = []
            place = 0
            for block in stream:
                parts.append(block[:, max(0, first - place) : max(0, last - place)])
                place += block.shape[1]
                if place >= last:
                    break
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read ({error.strerror}): restore it") from error
    sound = np.concatenate(parts, axis=1)
    written = io.BytesIO()
    sf.write(written, sound.T, rate_hz, format="WAV", subtype="PCM_16")
    edges = np.linspace(0, sound.shape[1], PEAKS + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(sound), edges, axis=1)
    highest = float(peaks.max()) or 1.0
    return Clip(
        start_s,
        start_s + sound.shape[1] / rate_hz,
        written.getvalue(),
        np.round(peaks / highest, 3).tolist(),
    )
