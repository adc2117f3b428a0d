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
class Hands:
    """Time that passes only where somebody sleeps, or the test says so."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    slept: list[float] = field(default_factory=list)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)


@pytest.fixture
def hands() -> Hands:
    return Hands()
