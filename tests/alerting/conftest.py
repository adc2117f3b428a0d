"""The receivers' fixtures, and a clock that only a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from callqa_assets.alerting.delivery import Clock
from tests.resources.notifier.conftest import (  # noqa: F401
    certificate,
    notifier_of,
    stack,
    start,
    start_mail,
)


@dataclass
class FakeClock(Clock):
    """Time that passes only where somebody sleeps, or the test says so."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
