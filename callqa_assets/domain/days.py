"""Days: the local calendar by which calls are partitioned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

TRAILING_DAYS = 14
"""Number of previous days with which drift checks and plots compare a day."""


@dataclass(frozen=True)
class Calendar:
    """How times map to days, the partitions of every table. A home's calendar never changes."""

    timezone: str = "Asia/Shanghai"
    """IANA name. A call belongs to the local day on which it started."""
    first_day: str = "2020-01-01"
    """Earliest day, 'YYYY-MM-DD'. An earlier start time is not used; another source gives it."""

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def begins_at(self) -> datetime:
        """The first day's midnight, aware."""
        return self.begin_of(self.first_day)

    def day_of(self, moment: datetime) -> str:
        """Day partition 'YYYY-MM-DD' of an aware time."""
        return self.localize(moment).date().isoformat()

    def localize(self, moment: datetime) -> datetime:
        """An aware time on the local clock."""
        return moment.astimezone(self.zone)

    def begin_of(self, day: str) -> datetime:
        """Its midnight, aware."""
        return datetime.combine(date.fromisoformat(day), time.min, self.zone)

    def end_of_day(self, moment: datetime) -> datetime:
        """The last microsecond of the local day of an aware time."""
        return self.begin_of(shift_day(self.day_of(moment), 1)) - timedelta(microseconds=1)


DEFAULT_CALENDAR = Calendar()


def trailing_days(day: str) -> list[str]:
    """The `TRAILING_DAYS` before `day`, and the day itself, ascending."""
    last = date.fromisoformat(day)
    return days_between((last - timedelta(TRAILING_DAYS)).isoformat(), day)


def days_between(start: str, end: str) -> list[str]:
    """Every day from `start` to `end`, both included."""
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]


def date_key(day: str) -> int:
    """A day 'YYYY-MM-DD' as the number by which marts are joined, e.g. 20250314."""
    return int(day.replace("-", ""))


def shift_day(day: str, by: int) -> str:
    """The day `by` days later, or earlier where negative."""
    return (date.fromisoformat(day) + timedelta(by)).isoformat()
