"""Where the benchmarks find weights and recordings: the same settings as the tests'."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def add_locations(parser: argparse.ArgumentParser) -> None:
    """Options `--testdata` and `--models`."""
    parser.add_argument(
        "--testdata",
        type=Path,
        default=os.environ.get("CALLQA_TESTDATA", REPO.parent / "shared" / "testdata"),
        help="real recorded speech with truth (CALLQA_TESTDATA)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=os.environ.get("CALLQA_MODELS", REPO / "models"),
        help="what `callqa models pull` fills (CALLQA_MODELS)",
    )
