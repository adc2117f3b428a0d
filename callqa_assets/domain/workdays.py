"""Days on which people work in China: weekdays but holidays, and make-up days on weekends."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from callqa_assets.domain.days import days_between, shift_day
from callqa_assets.domain.yaml_config import ConfigError

_COLUMNS = ["day", "kind", "holiday"]
_KINDS = {"holiday": False, "workday": True}


class WorkdaysError(ConfigError):
    """The file of holidays cannot be used; the message names the line and the cure."""


class SpecialDay(NamedTuple):
    """A day that is not as its weekday says, or has a holiday's name."""

    is_workday: bool
    holiday: str
    """The holiday, or the one that the day makes up for, e.g. `春节`."""


@dataclass(frozen=True)
class Workdays:
    """The published holidays and make-up days, by day 'YYYY-MM-DD'."""

    special: Mapping[str, SpecialDay]

    @cached_property
    def years(self) -> frozenset[int]:
        """Years whose calendar is known: those with a special day."""
        return frozenset(int(day[:4]) for day in self.special)

    def is_workday(self, day: str) -> bool | None:
        """None: the calendar of that year is not known."""
        own = date.fromisoformat(day)
        if own.year not in self.years:
            return None
        return self.special[day].is_workday if day in self.special else own.isoweekday() <= 5

    def name_holiday(self, day: str) -> str | None:
        """The holiday that a day belongs to; None: no public holiday, a make-up day included."""
        special = self.special.get(day)
        return None if special is None or special.is_workday else special.holiday

    def count_between(self, start: str, end: str) -> int | None:
        """Workdays after `start`, up to and including `end`; None: a year is not known."""
        worked = [self.is_workday(day) for day in days_between(shift_day(start, 1), end)]
        return None if None in worked else sum(map(bool, worked))


def load_workdays(text: str, *, source: str) -> Workdays:
    """The holidays in a CSV with the columns day, kind (`holiday`, `workday`) and holiday.

    Lines that begin with `#` are comments; a byte-order mark is skipped.
    Raises WorkdaysError, which names `source`.
    """
    special: dict[str, SpecialDay] = {}
    lines = [
        (n, line)
        for n, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)
        if line.strip()
    ]
    table = [(n, line) for n, line in lines if not line.startswith("#")]
    cells = list(csv.reader(line for _, line in table))
    if not cells or cells[0] != _COLUMNS:
        raise WorkdaysError(f"{source}: the first line is to be `{','.join(_COLUMNS)}`")
    for (number, _), row in zip(table[1:], cells[1:], strict=True):
        if problem := _find_problem(row, special):
            raise WorkdaysError(
                f"{source}, line {number}: {problem}; write e.g. `2025-01-28,holiday,春节`"
            )
        day, kind, holiday = row
        special[day] = SpecialDay(_KINDS[kind], holiday)
    return Workdays(special)


def _find_problem(row: list[str], known: Mapping[str, SpecialDay]) -> str | None:
    if len(row) != len(_COLUMNS):
        return f"{len(row)} columns"
    day, kind, holiday = row
    try:
        is_iso = date.fromisoformat(day).isoformat() == day
    except ValueError:
        is_iso = False
    if not is_iso:
        return f"`{day}` is no day"
    if kind not in _KINDS:
        return f"`{kind}` is neither `holiday` nor `workday`"
    if not holiday.strip():
        return "the holiday has no name"
    return f"`{day}` is there twice" if day in known else None
