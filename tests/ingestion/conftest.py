"""A home that is ingested without Dagster, and a kill at a chosen function."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.storage.home import Home
from tests.support.direct import DirectRun


class Kill(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def direct(home: Home, warehouse, rules: Path) -> DirectRun:
    return DirectRun(home, warehouse, rules)


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch):
    """Make a function die instead of, or right after, doing its work; `revive` ends that."""

    def install(owner, name: str, *, after: bool = False) -> None:
        real = getattr(owner, name)

        def die(*args, **kwargs):
            if after:
                real(*args, **kwargs)
            raise Kill

        monkeypatch.setattr(owner, name, die)

    install.revive = monkeypatch.undo
    return install
