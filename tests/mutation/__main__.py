"""Draw mutants, run the tests of their modules on each, and tell which nobody noticed.

    python -m tests.mutation [--seed N] [--count N] [--workers N]

A mutant is killed when a test of its own module fails, or takes longer than five times as long as
without the change. Status 1 where fewer than 92 % are. What was run is kept under build/mutants/:
the same code with the same test files is not run again, so an interrupted check goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from tests.mutation.mutants import REPO, draw_mutants, list_places, read_equivalent
from tests.mutation.runs import TestRun, copy_tree, find_tests, run_tests

LEAST_KILLED = 0.92
RESULTS = REPO / "build" / "mutants" / "results.jsonl"

_LEAST_LIMIT_S = 30.0
_FIRST_LIMIT_S = 600.0


class Runner:
    """Runs tests in one of several copies of the tree; remembers what was run."""

    def __init__(self, trees: Sequence[Path]) -> None:
        self._tree = trees[0]
        self._free: SimpleQueue[Path] = SimpleQueue()
        for tree in trees:
            self._free.put(tree)
        self._lock = Lock()
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
        self._known = {key: TestRun(**run) for key, run in map(json.loads, lines)}

    def run(self, module: str, code: str, limit_s: float) -> TestRun:
        tests = [(self._tree / test).read_bytes() for test in find_tests(module)]
        key = sha256(b"\0".join([module.encode(), code.encode(), *tests])).hexdigest()
        if key not in self._known:
            tree = self._free.get()
            try:
                run = run_tests(tree, module, code, limit_s)
            finally:
                self._free.put(tree)
            with self._lock, RESULTS.open("a", encoding="utf-8") as results:
                self._known[key] = run
                print(json.dumps([key, vars(run)]), file=results)
        return self._known[key]


@contextmanager
def copied_trees(count: int) -> Iterator[list[Path]]:
    """Copies of the tree, as it is now: it may be edited while they are tested."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [Path(folder, f"tree{number}") for number in range(count)]
        for tree in trees:
            copy_tree(tree)
        yield trees


def run_unchanged(runner: Runner, pool: ThreadPoolExecutor, modules: list[str]) -> dict[str, float]:
    """Time limit for each module's mutants (s). Exits where its tests fail without a change."""
    codes = [(REPO / module).read_text("utf-8") for module in modules]
    runs = pool.map(lambda m, code: runner.run(m, code, _FIRST_LIMIT_S), modules, codes)
    limits: dict[str, float] = {}
    for module, run in zip(modules, runs, strict=True):
        if run.outcome != "survived":
            sys.exit(f"{run.output}\n{module}: these tests fail without any change")
        limits[module] = max(_LEAST_LIMIT_S, 5 * run.seconds)
    return limits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()

    places = list_places()
    print(
        f"{sum(map(len, places))} mutants at {len(places)} places; seed {options.seed}", flush=True
    )
    drawn = draw_mutants(places, options.count, options.seed)
    equivalent = read_equivalent()
    judged = [mutant for mutant in drawn if mutant.change not in equivalent]
    outcomes: Counter[str] = Counter()
    with copied_trees(options.workers) as trees, ThreadPoolExecutor(options.workers) as pool:
        runner = Runner(trees)
        limits = run_unchanged(runner, pool, sorted({mutant.module for mutant in judged}))
        runs = pool.map(lambda m: runner.run(m.module, m.mutated, limits[m.module]), judged)
        for number, (mutant, run) in enumerate(zip(judged, runs, strict=True), 1):
            outcomes[run.outcome] += 1
            place = f"{mutant.module} {mutant.operator.removeprefix('core/')}"
            print(f"{number:3}/{len(judged)} {run.outcome:11} {run.seconds:5.1f} s {place}")
            if run.outcome == "survived":
                print(f"\n{mutant.diff}\n", flush=True)
    killed = len(judged) - outcomes["survived"]
    print(
        f"\n{killed} of {len(judged)} killed ({killed / len(judged):.1%}), "
        f"{outcomes['out of time']} of them by the time limit; "
        f"{len(drawn) - len(judged)} more are equivalent"
    )
    return int(killed < LEAST_KILLED * len(judged))


if __name__ == "__main__":
    sys.exit(main())
