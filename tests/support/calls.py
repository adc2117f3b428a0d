"""Small synthetic calls for tests: voices of one level, whose loudness the fake models read."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import soundfile as sf

RATE_HZ = 8_000

FIRST_DAY = "2025-01-01"
"""Of homes through which Dagster runs: it counts all their days at each check."""

RULES = """
rules:
  - name: anger
    emotion: angry
    threshold: {threshold}
    duration_sec: 1
    priority: high
"""


def write_call(
    folder: Path,
    day: str,
    agent: str = "1001",
    *,
    clock: str = "093000",
    seed: int = 0,
    anger: float = 0.05,
    name: str | None = None,
) -> Path:
    """A stereo call of 6 s named after the shipped pattern; `anger` is its loudness, 0..0.3."""
    name = name or f"{day.replace('-', '')}-{clock}_{agent}_13800138000.wav"
    rng = np.random.default_rng(seed)
    time_s = np.arange(6 * RATE_HZ) / RATE_HZ
    pitch_hz = rng.uniform(200, 400)
    # It glides as a voice does: a tone would be found to be no speech.
    tone = np.sin(2 * np.pi * pitch_hz * time_s + 20 * np.sin(2 * np.pi * 4 * time_s))
    agent_track = 0.1 * tone * ((time_s > 0.5) & (time_s < 2.0))
    customer_track = anger * np.sqrt(2) * tone * ((time_s > 2.5) & (time_s < 5.5))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    sf.write(path, np.stack([agent_track, customer_track], axis=1), RATE_HZ, subtype="PCM_16")
    return path


def set_mtime(path: Path, local: str) -> None:
    """Give a file a time of change, 'YYYY-MM-DD HH:MM' in Asia/Shanghai."""
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    os.utime(path, (moment, moment))
