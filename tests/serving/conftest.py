"""A home with a server."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.served import serve


@pytest.fixture
def direct(home, warehouse, rules) -> DirectRun:
    return DirectRun(home, warehouse, rules)


@pytest.fixture
def start(direct):
    """Start a server; it ends with the test."""
    with ExitStack() as stack:
        yield lambda models=None, **options: stack.enter_context(
            serve(direct, models or FakeModels(), **options)
        )


@pytest.fixture
def audio(tmp_path):
    """The bytes of a call, other ones for each seed."""

    def make(seed: int = 0, **options) -> bytes:
        return write_call(tmp_path / "made", "2025-03-14", seed=seed, **options).read_bytes()

    return make
