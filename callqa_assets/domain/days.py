"""Days: the local calendar by which calls are partitioned."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

TRAILING_DAYS = 14


def trailing_days(day: str) -> list[str]:
    """The two weeks before `day`, and the day itself, ascending."""
    last = date.fromisoformat(day)
    return [(last - timedelta(n)).isoformat() for n in range(TRAILING_DAYS, -1, -1)]


def days_between(start: str, end: str) -> list[str]:
    """Every day from `start` to `end`, both included."""
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]


def local_day(started_at: datetime, timezone: str) -> str:
    """Day partition 'YYYY-MM-DD' of an aware time in an IANA time zone."""
    return started_at.astimezone(ZoneInfo(timezone)).date().isoformat()
