"""Which days to run next: a pure function of the dirty days and the earlier runs.

The sensor turns the plan into run requests, `callqa run` executes it at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callqa_assets.domain.days import days_between, shift_day
from callqa_assets.domain.digest import digest

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PROCESS_TAG = "callqa/process"
"""Names the process that works on the run, so that a killed run can be found."""
GENERATIONS_TAG = "callqa/generations"
"""How often something had arrived for each day when the run was planned, as JSON."""

MAX_ATTEMPTS = 3
MAX_DAYS_PER_RUN = 31


@dataclass(frozen=True)
class RunRecord:
    """What planning needs to know of a run."""

    tags: Mapping[str, str]
    is_active: bool

    @property
    def days(self) -> list[str]:
        """The days that the run covers."""
        if PARTITION_TAG in self.tags:
            return [self.tags[PARTITION_TAG]]
        try:
            return days_between(self.tags[RANGE_START_TAG], self.tags[RANGE_END_TAG])
        except (KeyError, ValueError):
            return []  # no range, or one of something other than days

    @property
    def generations(self) -> dict[str, int]:
        return json.loads(self.tags.get(GENERATIONS_TAG, "{}"))


@dataclass(frozen=True)
class PlannedRun:
    """A run over contiguous days."""

    generations: Mapping[str, int]
    attempt: int
    """1 for the first run at these arrivals."""

    @property
    def start(self) -> str:
        return min(self.generations)

    @property
    def end(self) -> str:
        return max(self.generations)

    @property
    def run_key(self) -> str:
        """Differs with every arrival and every attempt: Dagster never runs a key twice."""
        key = digest(dict(self.generations))[:12]
        return f"{self.start}..{self.end}:{key}:{self.attempt}"

    @property
    def tags(self) -> dict[str, str]:
        return {**range_tags(self.start, self.end), GENERATIONS_TAG: json.dumps(self.generations)}


@dataclass(frozen=True)
class Plan:
    runs: list[PlannedRun]
    active: list[str]
    """Dirty days on which a run is in progress; planned again when it ends."""
    given_up: list[str]
    """Days left dirty by MAX_ATTEMPTS runs since the last arrival: a person must act."""


def plan_runs(
    dirty: Mapping[str, int],
    runs: Iterable[RunRecord],
    *,
    max_runs: int,
    max_days_per_run: int = MAX_DAYS_PER_RUN,
) -> Plan:
    """Group dirty days into at most `max_runs` runs of contiguous days with the same attempt.

    `dirty` is day to generation. A run that ended and left its day as dirty as it was counts as
    an attempt, whether it failed or not.
    """
    active: set[str] = set()
    attempts: dict[tuple[str, int], int] = {}
    for run in runs:
        if run.is_active:
            active.update(run.days)
        else:
            for arrival in run.generations.items():
                attempts[arrival] = attempts.get(arrival, 0) + 1
    tried = {day: attempts.get((day, generation), 0) for day, generation in dirty.items()}
    ready = [d for d in dirty if d not in active and tried[d] < MAX_ATTEMPTS]
    by_attempt = [
        (attempt, group_days((d for d in ready if tried[d] == attempt), max_days_per_run))
        for attempt in range(MAX_ATTEMPTS)
    ]
    planned = sorted(
        (
            PlannedRun({day: dirty[day] for day in days}, attempt + 1)
            for attempt, groups in by_attempt
            for days in groups
        ),
        key=lambda run: run.start,
    )
    return Plan(
        planned[:max_runs],
        sorted(d for d in dirty if d in active),
        sorted(d for d in dirty if d not in active and tried[d] >= MAX_ATTEMPTS),
    )


def group_days(days: Iterable[str], max_days: int = MAX_DAYS_PER_RUN) -> list[list[str]]:
    """The days in groups of contiguous ones, each for one run."""
    groups: list[list[str]] = []
    for day in sorted(days):
        last = groups[-1] if groups else []
        if last and len(last) < max_days and shift_day(last[-1], 1) == day:
            last.append(day)
        else:
            groups.append([day])
    return groups


def range_tags(start: str, end: str) -> dict[str, str]:
    """Tags that make one run of a range of days."""
    return {RANGE_START_TAG: start, RANGE_END_TAG: end}
