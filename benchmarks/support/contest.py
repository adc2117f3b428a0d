"""Contenders do the same work in turns, each in a process of its own; wall, CPU and memory.

As they take turns within a round, other load on the machine affects them equally. CPU seconds are
measured as well as wall seconds, for machines that others use too.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median
from typing import Any

_CLEAR_REFS = Path("/proc/self/clear_refs")

Prepared = Callable[[Any], Any]
"""Does the work it is given; what it returns is kept with the timing."""


@dataclass(frozen=True)
class Timing:
    wall_s: float
    cpu_s: float
    max_rss_mib: float
    """Peak memory during the work; on other systems than Linux, since the process started."""
    result: Any
    """What the contender returned."""


def take_turns(
    contenders: Mapping[str, Callable[[], Prepared]], *, warm_up: Any, work: Any, rounds: int
) -> dict[str, list[Timing]]:
    """Timings by contender, one per round, after each has done `warm_up` once.

    A contender is prepared in its own process, so it must be picklable: a function of a module,
    or a partial of one.
    """
    context = multiprocessing.get_context("spawn")
    workers: dict[str, Connection] = {}
    processes: list[BaseProcess] = []
    for name, prepare in contenders.items():
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(prepare, theirs), daemon=True)
        process.start()
        theirs.close()
        workers[name] = ours
        processes.append(process)
    for worker in workers.values():
        _ask(worker, warm_up)
    timings: dict[str, list[Timing]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            timings[name].append(_ask(worker, work))
    for worker, process in zip(workers.values(), processes, strict=True):
        worker.close()
        process.join()
    return timings


def _ask(worker: Connection, work: Any) -> Timing:
    worker.send(work)
    return worker.recv()


def _serve(prepare: Callable[[], Prepared], requests: Connection) -> None:
    do = prepare()
    while True:
        try:
            work = requests.recv()
        except EOFError:
            return
        _reset_peak()
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = do(work)
        requests.send(
            Timing(
                time.perf_counter() - wall_s,
                time.process_time() - cpu_s,
                max_rss_mib(),
                result,
            )
        )


def _reset_peak() -> None:
    """Measure the work alone: loading a model takes more memory than using it."""
    if _CLEAR_REFS.exists():
        _CLEAR_REFS.write_text("5")  # proc(5): resets the peak


def max_rss_mib() -> float:
    """Peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def print_timings(timings: Mapping[str, Sequence[Timing]], audio_s: float) -> None:
    """A Markdown table of medians; the ratios are to the first contender."""
    wall_s = {name: median(t.wall_s for t in rounds) for name, rounds in timings.items()}
    cpu_s = {name: median(t.cpu_s for t in rounds) for name, rounds in timings.items()}
    first = next(iter(timings))
    print("| contender | wall s | CPU s | real-time factor | wall ratio | CPU ratio | MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, rounds in timings.items():
        print(
            f"| {name} | {wall_s[name]:.2f} | {cpu_s[name]:.2f} | {wall_s[name] / audio_s:.5f} "
            f"| {wall_s[name] / wall_s[first]:.2f} | {cpu_s[name] / cpu_s[first]:.2f} "
            f"| {max(timing.max_rss_mib for timing in rounds):.0f} |"
        )


def best_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    """Least wall time of `runs`, after one to warm up."""
    work()
    times: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)
