"""Where the tests find real weights and real recordings; both are optional and say so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder of real recorded speech with truth (`CALLQA_TESTDATA`, else ../shared/testdata)."""
    folder = Path(os.environ.get("CALLQA_TESTDATA", REPO.parent / "shared" / "testdata"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings: set CALLQA_TESTDATA (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder that `callqa models pull` fills (`CALLQA_MODELS`, else ./models)."""
    folder = Path(os.environ.get("CALLQA_MODELS", REPO / "models"))
    if not (folder / "whisper-base" / "model.bin").is_file():
        pytest.skip(f"no model weights in {folder}: run `callqa models pull`")
    return folder
