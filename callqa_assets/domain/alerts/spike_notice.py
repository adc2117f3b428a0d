"""Notices of spikes: the facts of a topic's unusual day that a message may contain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from callqa_assets.domain.digest import digest


class SpikeNotice(TypedDict):
    """JSON-serialisable."""

    day: str
    """Local day, YYYY-MM-DD."""
    topic: str
    """Its name in `configs/topics.yaml`."""
    names: Mapping[str, str]
    """What reports call it, by language."""
    is_new: bool
    """Nobody spoke of it on the days that it is compared with."""
    calls: int
    """Calls of the day that speak of it."""
    calls_all: int
    """All calls of the day in the queues in which it is looked for."""
    expected: float
    days: int
    """Days with which it is compared."""
    run_id: str | None
    """Dagster's run that published the day."""


def spike_delivery_id(day: str, topic: str, receiver: str) -> str:
    """Id of the one delivery of a topic's spike on a day to a receiver: whatever the day's figures
    become later, the receiver is told once."""
    return digest("spike", day, topic, receiver)[:32]
