"""Which marts of which days are out of date.

A mart's day has an input version: a hash of its code, its configuration, how often the results of
the days it reads changed, and the versions of the marts it reads. Where another version is due than
the one stored, it is out of date; nothing has to be told that something arrived, and nothing is
computed for a day that a change does not reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from callqa_assets.domain.days import shift_day
from callqa_assets.domain.digest import digest
from callqa_assets.marts.mart import Mart, MartContext


class Staleness:
    """The marts' days compared with the state of the calls.

    Args:
        changes: day to how often its results changed; the days that have results.
        stored: (mart, day) to the input version of what is stored.
        today: local day; what reads days after its own is complete when they are over.
    """

    def __init__(
        self,
        marts: Sequence[Mart],
        context: MartContext,
        changes: Mapping[str, int],
        stored: Mapping[tuple[str, str], str],
        today: str,
    ) -> None:
        self.marts = marts
        self._changes = changes
        self._stored = stored
        self._today = today
        self._made_by = {
            mart.name: digest(mart.name, mart.code_version, mart.params(context)) for mart in marts
        }
        self._by_name = {mart.name: mart for mart in marts}
        self._due = cache(self._find_due)

    def find(self) -> dict[str, list[Mart]]:
        """Day to its marts that are out of date, days ascending, marts in their order."""
        found = {
            day: [mart for mart in self.marts if self.is_stale(mart, day)]
            for day in sorted(self._changes)
        }
        return {day: stale for day, stale in found.items() if stale}

    def is_stale(self, mart: Mart, day: str) -> bool:
        return self._stored.get((mart.name, day)) != self._due(mart.name, day)

    def version(self, mart: Mart, day: str, stored: Mapping[tuple[str, str], str]) -> str:
        """The version of what is computed now, when the marts that it reads are as `stored`."""
        return self._hash(mart, day, lambda name, at: stored.get((name, at)))

    def _find_due(self, name: str, day: str) -> str | None:
        """The version that is due; None for a day without results."""
        if day not in self._changes:
            return None
        return self._hash(self._by_name[name], day, self._due)

    def _hash(self, mart: Mart, day: str, version_of: Callable[[str, str], str | None]) -> str:
        days = [shift_day(day, n) for n in range(-mart.days_before, mart.days_after + 1)]
        return digest(
            self._made_by[mart.name],
            [self._changes.get(read, 0) for read in days],
            [[version_of(name, read) for read in days] for name in mart.reads],
            days[-1] < self._today if mart.days_after else None,
        )
