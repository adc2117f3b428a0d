"""What Dagster costs: a day of 60 short calls through it, against the same stages called directly.

    python -m benchmarks.speed.orchestration [--models DIR] [--rounds 3]

prints a Markdown table for benchmarks/RESULTS.md. Both ways fill a fresh home, in one process with
loaded models, and take turns; intake, checks and every write are included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import soundfile as sf

from benchmarks.support.locations import REPO, add_locations
from resources.settings import Settings

DAY = "2025-03-14"
CALLS = 60
CALL_S = 15.0


def write_day(folder: Path) -> float:
    """60 different calls of 15 s out of the sample calls; returns their seconds of audio."""
    folder.mkdir(parents=True)
    samples = sorted((REPO / "data" / "samples" / "calls").glob("*GUID*.flac"))
    for number in range(CALLS):
        audio, rate_hz = sf.read(samples[number % len(samples)], dtype="int16")
        call = audio[: round(CALL_S * rate_hz)].copy()
        call[0] += np.int16(number)  # another content: a copy would be a duplicate
        name = f"{DAY.replace('-', '')}-{9 + number // 60:02d}{number % 60:02d}00_100{number % 5}_1"
        sf.write(folder / f"{name}.flac", call, rate_hz, subtype="PCM_16")
    return CALLS * CALL_S


def process_directly(settings: Settings) -> None:
    """The same functions without Dagster."""
    from callqa_assets.pipeline import Pipeline

    pipeline = Pipeline.open(settings)
    pipeline.scan()
    pipeline.run_day(DAY, run_id="direct", copy=True)


def process_through_dagster(settings: Settings) -> None:
    """The same as `callqa run`."""
    from callqa_assets.cli.headless import process_drop_folder

    result = process_drop_folder(settings, lambda *_: None, copy=True)
    assert result.days == [DAY]
    assert not result.failed_runs


def measure(process: Callable[[Settings], None], settings: Settings) -> tuple[float, float]:
    """(wall, CPU) seconds of processing the drop folder into a fresh home."""
    from callqa_assets.cli.home_setup import prepare_home

    prepare_home(settings, switch=False)
    wall, cpu = time.perf_counter(), time.process_time()
    process(settings)
    return time.perf_counter() - wall, time.process_time() - cpu


def evaluate(models: Path, rounds: int) -> str:
    """The table, as Markdown."""
    ways = {
        "stages called directly": process_directly,
        "through Dagster": process_through_dagster,
    }
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        drop = Path(folder) / "drop"
        audio_s = write_day(drop)

        def settings_of(name: str) -> Settings:
            return Settings.from_environment(
                {"CALLQA_MODELS": str(models)}, home=Path(folder) / name, drop=drop
            )

        measure(process_directly, settings_of("warm-up"))
        for number in range(rounds):
            for name, process in ways.items():
                seen[name].append(measure(process, settings_of(f"{name[0]}{number}")))
    direct_wall, direct_cpu = (
        median(pair[i] for pair in seen["stages called directly"]) for i in (0, 1)
    )
    lines = [
        f"{CALLS} calls of {CALL_S:.0f} s, two channels ({audio_s:.0f} s), median of {rounds}.",
        "",
        "| way | wall s | CPU s | wall ratio | CPU ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, pairs in seen.items():
        wall, cpu = (median(pair[i] for pair in pairs) for i in (0, 1))
        lines.append(
            f"| {name} | {wall:.1f} | {cpu:.1f} | {wall / direct_wall:.3f} "
            f"| {cpu / direct_cpu:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_locations(parser)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(evaluate(Path(arguments.models), arguments.rounds))


if __name__ == "__main__":
    main()
