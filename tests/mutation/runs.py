"""Running a module's own tests on a changed module, in a copy of the tree.

Each run is a process forked from a server that has imported the large third-party packages, but
nothing of this repository: that it imports from the copy.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.mutation.mutants import REPO

TESTED_ELSEWHERE: dict[str, tuple[str, ...]] = {
    f"callqa_assets/{module}.py": tuple(f"tests/{test}.py" for test in tests)
    for module, tests in {
        **{
            f"domain/audio/decoding/{part}": [
                f"domain/audio/decoding/test_{test}"
                for test in ("opening", "wav", "joined", "headerless", "codecs")
            ]
            for part in (
                *("boxes", "containers", "ffmpeg", "frames", "layouts", "ogg", "reasons"),
                *("sndfile", "sound_end", "stream", "window"),
            )
        },
        "domain/calls/foreign_text": ["domain/calls/test_metadata", "domain/calls/test_manifests"],
        "domain/calls/xml_mapping": ["domain/calls/test_sidecars"],
        "domain/yaml_slips": ["domain/test_yaml_config", "domain/rules/test_lint"],
        "domain/calls/facts": ["domain/calls/test_metadata"],
        "domain/calls/files": ["domain/calls/test_metadata", "ingestion/test_discovery"],
        "domain/calls/recording": ["stages/test_contract"],
        "domain/calls/sources": ["domain/calls/test_metadata"],
        "domain/alerts/spike_notice": ["alerting/test_spikes_to_receivers"],
        "domain/live/events": ["domain/live/test_fork"],
        "domain/live/live_config": ["domain/live/test_fork"],
        "domain/config_places": ["domain/test_yaml_config", "domain/rules/test_rule_set"],
        "domain/rules/call_input": ["domain/rules/engine/test_evaluate"],
        "domain/emotion/labels": ["domain/emotion/test_timeline"],
        "domain/errors": ["domain/rules/test_rule_set"],
        **{
            f"domain/rules/conditions/{part}": [
                "domain/rules/test_rule_set",
                "domain/rules/engine/test_find",
                "domain/rules/engine/test_evaluate",
                "domain/rules/test_lint",
            ]
            for part in (
                *("activity", "composed", "emotion", "keys", "leaf", "levels", "loudness"),
                *("registry", "text"),
            )
        },
        # The engine's parts are judged by the alerts that come out of it.
        **{
            f"domain/rules/engine/{part}": [
                f"domain/rules/engine/test_{part}",
                "domain/rules/engine/test_evaluate",
            ]
            for part in ("batch", "find", "intervals")
        },
        **{
            f"domain/pii/{part}": [f"domain/pii/test_{test}" for test in ("kinds", "masking")]
            for part in ("addresses", "digits", "identifiers", "names", "numbers", "recognise")
        },
        "domain/pii/spans": ["domain/pii/test_kinds", "domain/pii/test_calls"],
        "domain/emotion/colours": ["assets/test_plots"],
        "domain/text/spoken_text": ["domain/rules/engine/test_find"],
        "domain/speech": ["domain/audio/test_segments", "domain/audio/test_packing"],
        "domain/text/itn/__init__": ["domain/text/test_itn"],
        "domain/text/itn/grammar": ["domain/text/test_itn"],
        "domain/text/itn/lexicon": ["domain/text/test_itn"],
        "domain/text/itn/numerals": ["domain/text/test_itn"],
        "domain/text/patterns": ["domain/rules/test_rule_set", "domain/rules/engine/test_find"],
        "domain/yaml_document": ["domain/test_yaml_config"],
        "stages/alerts": ["stages/test_contract"],
        "stages/contract": ["stages/test_contract", "stages/test_claims"],
        "stages/definition": ["stages/test_contract"],
        "stages/registry": ["stages/test_contract"],
        "stages/emotions": ["stages/test_contract", "stages/test_emotions"],
        "stages/segmented_audio": ["stages/test_contract"],
        "stages/segments": ["stages/test_contract"],
    }.items()
}
"""Modules without a test file of their own name, and what tests them."""

OF_EVERY_MODULE = ("tests/test_values.py",)
"""Tests that look at each module."""

PRELOADED = [
    *("av", "dagster", "alembic.config", "httpx", "hypothesis", "jinja2", "numpy", "polars"),
    *("psutil", "pydantic", "pytest", "re2", "soundfile", "soxr", "sqlalchemy", "typer", "yaml"),
]

Outcome = Literal["survived", "killed", "out of time"]

_OWN_PACKAGES = {"benchmarks", "callqa_assets", "resources", "tests", "training"}
_NO_TESTS = 5
_NOT_IMPORTED = 70

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(PRELOADED)


@dataclass(frozen=True)
class TestRun:
    outcome: Outcome
    seconds: float
    output: str
    """The last that pytest printed: which test failed."""


def find_tests(module: str) -> list[str]:
    """Test files of a module, as paths in the repository. Raises ValueError where it has none."""
    path = Path(module)
    own = Path("tests", *path.parts[1:-1], f"test_{path.name}").as_posix()
    found = TESTED_ELSEWHERE.get(module, (own,))
    missing = [test for test in found if not (REPO / test).is_file()]
    if missing:
        raise ValueError(f"{module} has no tests {missing}: name them in TESTED_ELSEWHERE")
    return list(found)


def copy_tree(to: Path) -> None:
    """What git would know of the working tree, compiled: changed or not is told by contents."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPO / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPO / name, to / name)
    compile_command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode"]
    subprocess.run([*compile_command, "checked-hash", "."], cwd=to, check=True)


def run_tests(tree: Path, module: str, code: str, limit_s: float) -> TestRun:
    """Put `code` into the module of a copied tree and run its tests until the first that fails.

    Raises RuntimeError where the tests did not import the module from the copy.
    """
    original = (tree / module).read_bytes()
    (tree / module).write_text(code, "utf-8")
    started = time.monotonic()
    process = _PROCESSES.Process(target=_run_pytest, args=(tree, module, find_tests(module)))
    process.start()
    try:
        process.join(limit_s)
        outcome: Outcome = "survived" if process.exitcode == 0 else "killed"
        if process.exitcode is None:
            outcome = "out of time"
    finally:
        _kill_with_children(process.pid)
        process.join()
        (tree / module).write_bytes(original)
    if process.exitcode == _NOT_IMPORTED:
        raise RuntimeError(f"{module} is not imported by {find_tests(module)}")
    output = tree.with_suffix(".log").read_text("utf-8", "replace")[-2000:]
    return TestRun(outcome, time.monotonic() - started, output)


def _kill_with_children(group: int | None) -> None:
    try:
        os.killpg(group or 0, signal.SIGKILL)
    except ProcessLookupError:
        return


def _run_pytest(tree: Path, module: str, tests: Sequence[str]) -> None:
    """In a process of its own, which it ends."""
    os.setsid()
    with (tree.with_suffix(".log")).open("w") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    os.chdir(tree)
    os.environ |= {
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CALLQA_TESTDATA": os.environ.get("CALLQA_TESTDATA", f"{REPO.parent}/shared/testdata"),
        "CALLQA_MODELS": os.environ.get("CALLQA_MODELS", f"{REPO}/models"),
    }
    os.environ.pop("CALLQA_TEST_POSTGRES_URL", None)  # its schemas are not shared out to workers
    sys.dont_write_bytecode = True
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in ("", str(REPO)))]
    for name in [name for name in sys.modules if name.partition(".")[0] in _OWN_PACKAGES]:
        del sys.modules[name]

    import pytest
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)  # the first failure will do, however large
    settings.register_profile("mutants", derandomize=True, database=None, phases=phases)
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutants"]
    options += [f"--basetemp={tree.with_suffix('.tmp')}", f"--rootdir={tree}"]
    code = pytest.main([*options, "-m", "not integration", *tests])
    if code == _NO_TESTS:
        code = pytest.main([*options, *tests])
    files = [getattr(found, "__file__", None) for found in list(sys.modules.values())]
    if code == 0 and str(tree / module) not in files:
        code = _NOT_IMPORTED
    code = code or pytest.main([*options, *OF_EVERY_MODULE])
    sys.stdout.flush()
    os._exit(code)
