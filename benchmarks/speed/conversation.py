"""What the conversation metrics of a day of 10,000 calls cost, with every write.

    python -m benchmarks.speed.conversation [--calls 1000 10000]

prints a Markdown table for benchmarks/RESULTS.md. The calls are those of `speed.rules` (3 minutes,
two channels, 25 segments each with a word for every character), with one emotion span for each
segment. The stage goes through the contract: claims, reads, metrics, rows, all of it committed.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.speed.rules import CALL_S, fill
from benchmarks.support.fresh_home import make_home
from benchmarks.support.fresh_process import run_in_fresh_process


def _feel() -> sa.Insert:
    """One span of an emotion for each segment; every seventh is angry."""
    from callqa_assets.warehouse.tables import emotion_spans, segments

    columns = segments.c
    emotion = sa.case((columns.segment_no % 7 == 6, "angry"), else_="neutral")
    names = ("recording_id", "channel", "day", "role", "start_s", "end_s")
    spans = sa.select(
        *(columns[name] for name in names),
        columns.segment_no,
        emotion,
        sa.literal(0.7, sa.Double),
    )
    return sa.insert(emotion_spans).from_select([*names, "span_no", "emotion", "confidence"], spans)


def measure(calls: int) -> tuple[float, float, float, int]:
    """(wall s, CPU s, MiB at most, calls measured)."""
    from callqa_assets.domain.text.hotwords import HotwordLists
    from callqa_assets.stages.contract import run_stage
    from callqa_assets.stages.conversation import STAGE
    from callqa_assets.stages.definition import StageContext
    from callqa_assets.warehouse.database import open_warehouse
    from callqa_assets.warehouse.tables import call_metrics
    from resources.storage.home import REPO

    def unused() -> Any:
        raise AssertionError("the stage needs neither models nor rules")

    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        home = make_home(Path(folder))
        days = fill(home.root, calls)
        opened = open_warehouse(home.database_url)
        with opened.write() as connection:
            connection.execute(_feel())
        context = StageContext(home, opened, REPO / "configs", unused, HotwordLists, unused, unused)
        stage = STAGE.build(context)
        wall, cpu = time.perf_counter(), time.process_time()
        for day in days:
            report = run_stage(opened, stage, day, run_id="benchmark")
            assert not report.failed, report.failed
        wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        with opened.read() as connection:
            rows = connection.execute(
                sa.select(sa.func.count()).where(call_metrics.c.conversation_s > 0)
            ).scalar_one()
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return wall_s, cpu_s, peak_mib, rows


def evaluate(sizes: list[int]) -> str:
    """The table, as Markdown."""
    lines = [
        f"Calls of {CALL_S:.0f} s with two channels.",
        "",
        "| calls | wall s | CPU s | CPU ms per call | MiB at most | measured |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for calls in sizes:
        wall_s, cpu_s, peak_mib, rows = run_in_fresh_process(measure, calls)
        lines.append(
            f"| {calls:,} | {wall_s:.1f} | {cpu_s:.1f} | {1000 * cpu_s / calls:.2f} "
            f"| {peak_mib:.0f} | {rows:,} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 10_000])
    print(evaluate(parser.parse_args().calls))


if __name__ == "__main__":
    main()
