"""Rows of the star schema's dimensions: integer keys, given once and kept for ever, and days.

Written in the transaction that publishes a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import Calendar, date_key, days_between
from callqa_assets.domain.workdays import Workdays
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import dim_date

FIRST_YEAR, LAST_YEAR = 2020, 2030
"""Years that `dim_date` holds at least."""

Member = tuple[Any, ...]


def find_or_add_keys(
    connection: sa.Connection,
    table: sa.Table,
    members: Iterable[Member],
    attributes: Mapping[Member, Mapping[str, Any]] | None = None,
) -> dict[Member, int]:
    """Key of each member of a dimension; those that are new are added, in order.

    A member is the values of the dimension's unique columns. Where all of them are NULL it is the
    unknown one, 0.

    Args:
        attributes: values of the other columns, of members that may be new.
    """
    wanted = [member for member in dict.fromkeys(members) if set(member) != {None}]
    known = _read_keys(connection, table, wanted)
    missing = [member for member in wanted if member not in known]
    unknown = (None,) * len(_unique_columns(table))
    if missing or not _has_unknown(connection, table):
        # One at a time gives numbers; whoever waited reads what the one before has given.
        _lock(connection)
        known |= _read_keys(connection, table, missing)
        added = [member for member in missing if member not in known]
        known |= _add(connection, table, added, attributes or {})
    return {**known, unknown: 0}


def _unique_columns(table: sa.Table) -> list[sa.Column[Any]]:
    (unique,) = (c for c in table.constraints if isinstance(c, sa.UniqueConstraint))
    return list(unique.columns)


def _key_column(table: sa.Table) -> sa.Column[int]:
    (key,) = table.primary_key.columns
    return key


def _has_unknown(connection: sa.Connection, table: sa.Table) -> bool:
    """Whether the row 0 is there, or the dimension has none."""
    if not all(column.nullable for column in _unique_columns(table)):
        return True
    key = _key_column(table)
    return connection.scalar(sa.select(key).where(key == 0)) is not None


def _read_keys(
    connection: sa.Connection, table: sa.Table, members: Iterable[Member]
) -> dict[Member, int]:
    columns, wanted = _unique_columns(table), set(members)
    firsts = sorted({member[0] for member in wanted})
    query = sa.select(_key_column(table), *columns)
    found: dict[Member, int] = {}
    for some in chunks(firsts):
        for key, *member in connection.execute(query.where(columns[0].in_(some))):
            found[tuple(member)] = key
    return {member: key for member, key in found.items() if member in wanted}


def _add(
    connection: sa.Connection,
    table: sa.Table,
    members: Iterable[Member],
    attributes: Mapping[Member, Mapping[str, Any]],
) -> dict[Member, int]:
    key, names = _key_column(table), [column.name for column in _unique_columns(table)]
    rows: list[dict[str, Any]] = []
    if not _has_unknown(connection, table):
        rows.append({column.name: None for column in table.columns} | {key.name: 0})
    last = connection.scalar(sa.select(sa.func.max(key))) or 0
    added = {member: number for number, member in enumerate(members, start=last + 1)}
    rows += [
        {key.name: number, **dict(zip(names, member, strict=True)), **attributes.get(member, {})}
        for member, number in added.items()
    ]
    if rows:
        connection.execute(sa.insert(table), rows)
    return added


def store_dates(connection: sa.Connection, calendar: Calendar, workdays: Workdays) -> None:
    """Make `dim_date` what the holidays' file says, where it is not."""
    rows = [_describe_day(day, workdays) for day in _days(calendar)]
    if _read_dates(connection) == rows:
        return
    _lock(connection)
    connection.execute(sa.delete(dim_date))
    connection.execute(sa.insert(dim_date), rows)


def find_uncovered_year(connection: sa.Connection, day: str) -> str | None:
    """What to do where workdays of the day's year are not known; None where they are."""
    query = sa.select(dim_date.c.year).where(
        dim_date.c.date_key == date_key(day), dim_date.c.is_workday.is_(None)
    )
    year = connection.scalar(query)
    if year is None:
        return None
    return f"`is_workday` of {year} is NULL: add that year's holidays to configs/workdays.csv"


def _days(calendar: Calendar) -> list[str]:
    """From the calendar's first day on, at least the years above, and always the next one."""
    first = min(FIRST_YEAR, date.fromisoformat(calendar.first_day).year)
    last = max(LAST_YEAR, datetime.now(calendar.zone).year + 1)
    return days_between(f"{first}-01-01", f"{last}-12-31")


def _read_dates(connection: sa.Connection) -> list[dict[str, Any]]:
    query = sa.select(dim_date).order_by(dim_date.c.date_key)
    return [dict(row) for row in connection.execute(query).mappings()]


def _describe_day(day: str, workdays: Workdays) -> dict[str, Any]:
    own = date.fromisoformat(day)
    iso = own.isocalendar()
    return {
        "date_key": date_key(day),
        "call_day": midnight(day),
        "year": own.year,
        "quarter": (own.month + 2) // 3,
        "month": own.month,
        "day_of_month": own.day,
        "iso_year": iso.year,
        "iso_week": iso.week,
        "weekday": iso.weekday,
        "is_weekend": iso.weekday > 5,
        "is_workday": workdays.is_workday(day),
        "holiday": workdays.name_holiday(day),
    }


def midnight(day: str) -> datetime:
    """The day's `call_day`: its local midnight, without a time zone."""
    return datetime.fromisoformat(day)


def _lock(connection: sa.Connection) -> None:
    """Until the end of the transaction nobody else adds rows. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('dimensions'))"))
