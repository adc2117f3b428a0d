"""What Dagster costs: a day of 60 short calls through it, against the same stages called directly.

    python -m benchmarks.speed.orchestration [--models DIR] [--rounds 3]

prints a Markdown table for benchmarks/RESULTS.md. Both ways fill a fresh home, in one process with
loaded models, and take turns; intake, checks and every write are included.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import soundfile as sf

from benchmarks.support.locations import REPO, add_locations

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


def hear_directly() -> None:
    """Intake and the four stages, without Dagster."""
    from callqa_assets.ingestion.archiving import ingest_day
    from callqa_assets.ingestion.discovery import scan
    from callqa_assets.stages.alerts import alerts_stage
    from callqa_assets.stages.contract import run_stage
    from callqa_assets.stages.emotions import emotions_stage
    from callqa_assets.stages.segments import segments_stage
    from callqa_assets.stages.transcripts import transcripts_stage
    from callqa_assets.warehouse.database import open_warehouse
    from callqa_assets.warehouse.rule_sets import accept_rules
    from resources.dagster_resources import resources_from_environment
    from resources.storage.archive import RecordingArchive
    from resources.storage.config_files import read_rules_file
    from resources.storage.home import Home
    from resources.storage.lake import EmotionLake

    resources = resources_from_environment()
    home = Home.from_environment()
    warehouse = open_warehouse(home.database_url)
    archive, lake = RecordingArchive(home), EmotionLake(home)
    models = resources["speech_models"].open()
    drop = resources["drop_folder"]
    rules = read_rules_file(Path(resources["rules"].path))
    scan(
        warehouse,
        drop.open(),
        drop.load_metadata_config(),
        home.calendar,
        now=datetime.now(UTC),
        settle=timedelta(0),
    )
    ingest_day(warehouse, home, DAY, run_id="direct", copy=True, progress=lambda *_: None)
    for stage in (
        segments_stage(archive, models),
        transcripts_stage(warehouse, archive, models),
        emotions_stage(warehouse, archive, lake, models),
        alerts_stage(warehouse, lake, accept_rules(warehouse, rules).rules),
    ):
        run_stage(warehouse, stage, DAY, run_id="direct")


def hear_through_dagster() -> None:
    """The same as `callqa run`."""
    from callqa_assets.cli.headless import process_drop_folder

    result = process_drop_folder(lambda *_: None, copy=True)
    assert result.days == [DAY]
    assert not result.failed_runs


def measure(hear: Callable[[], None], drop: Path, home: Path) -> tuple[float, float]:
    """(wall, CPU) seconds of hearing the drop folder into a fresh home."""
    from callqa_assets.cli.home_setup import prepare_home
    from resources.storage.home import Home

    os.environ |= {"CALLQA_HOME": str(home), "CALLQA_DROP": str(drop)}
    used = Home.from_environment()
    prepare_home(used, used.database_url, "compact", switch=False)
    wall, cpu = time.perf_counter(), time.process_time()
    hear()
    return time.perf_counter() - wall, time.process_time() - cpu


def evaluate(models: Path, rounds: int) -> str:
    """The table, as Markdown."""
    os.environ["CALLQA_MODELS"] = str(models)
    ways = {"stages called directly": hear_directly, "through Dagster": hear_through_dagster}
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        drop = Path(folder) / "drop"
        audio_s = write_day(drop)
        measure(hear_directly, drop, Path(folder) / "warm-up")
        for number in range(rounds):
            for name, hear in ways.items():
                seen[name].append(measure(hear, drop, Path(folder) / f"{name[0]}{number}"))
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
