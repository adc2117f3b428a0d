"""What a daily report says. Texts in it are masked; numbers keep numerator and denominator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["count", "share", "seconds"]


@dataclass(frozen=True)
class Figure:
    """A number by day, as numerator and denominator, so that days add up to a mean."""

    name: str
    kind: Kind
    by_day: Mapping[str, tuple[float, float]]
    """Day to (numerator, denominator); of a count the denominator is 1. Published days only."""

    def value(self, day: str) -> float | None:
        """None: the day is not published, or has nothing that could be counted."""
        return self.mean([day])

    def mean(self, days: Iterable[str]) -> float | None:
        """Sum over sum: of a share that of all calls of the days, of a count the mean per day."""
        known = [self.by_day[day] for day in days if day in self.by_day]
        denominator = sum(bottom for _, bottom in known)
        return sum(top for top, _ in known) / denominator if denominator else None


@dataclass(frozen=True)
class Hour:
    """Calls that start in an hour of the local day."""

    hour: int
    calls: int
    unhappy: int


@dataclass(frozen=True)
class Queue:
    queue: str | None
    calls: int
    judged: int
    """Calls of which it is known whether they are unhappy."""
    unhappy: int
    alerts_high: int
    script_applicable: int
    script_missed: int


@dataclass(frozen=True)
class SpokenBar:
    """A segment in the picture of a call."""

    channel: int
    role: str
    start_s: float
    end_s: float
    emotion: str | None
    text: str


@dataclass(frozen=True)
class Alert:
    rule: str | None
    priority: str
    channel: int
    role: str
    agent: str | None
    queue: str | None
    recording_id: str
    started: datetime
    """Start of the call, local."""
    duration_s: float
    start_s: float
    end_s: float
    peak: float
    spoken: tuple[SpokenBar, ...]
    """All segments of the call, by time."""

    @property
    def said(self) -> list[SpokenBar]:
        """What was said while the rule held."""
        return [
            bar
            for bar in self.spoken
            if bar.text and bar.start_s < self.end_s and bar.end_s > self.start_s
        ]


@dataclass(frozen=True)
class Spike:
    topic: str
    state: str
    """`spike` or `new`."""
    calls: int
    calls_all: int
    agents: int
    expected: float | None


@dataclass(frozen=True)
class ScriptItem:
    script: str | None
    item: str | None
    applicable: int
    missed: int
    unsure: int
    forbidden: int


@dataclass(frozen=True)
class Word:
    """A word that stands in unhappy calls, of the 28 days up to the day."""

    queue: str | None
    role: str
    term: str
    unhappy_with: int
    unhappy_calls: int
    other_with: int
    other_calls: int
    odds_ratio: float


@dataclass(frozen=True)
class Repeat:
    """A call about the same as an earlier one of the customer."""

    recording_id: str
    topic: str | None
    queue: str | None
    agent: str | None
    after_s: float
    after_workdays: int | None
    chain_length: int


@dataclass(frozen=True)
class Gap:
    """Something that the page does not know: the key of its sentence, and what it names."""

    name: str
    values: Mapping[str, str | int]


@dataclass(frozen=True)
class DailyReport:
    day: str
    day_before: str
    days_before: tuple[str, ...]
    """The 28 days before, ascending; figures have those that are published."""
    published_at: datetime
    """On the local clock."""
    figures: tuple[Figure, ...]
    hours: tuple[Hour, ...]
    queues: tuple[Queue, ...]
    alerts: tuple[Alert, ...]
    """The first ones by priority and peak."""
    alerts_all: int
    spikes: tuple[Spike, ...]
    script_items: tuple[ScriptItem, ...]
    words: tuple[Word, ...]
    repeats: tuple[Repeat, ...]
    repeats_all: int
    gaps: tuple[Gap, ...]
