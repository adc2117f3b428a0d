"""Reading when a call started, in the many ways in which platforms write it.

The year comes first and has four digits, or a `time_format` of the configuration says otherwise.
What could mean several days is never decided by taste: all readings are returned, and whoever
knows which days are possible chooses or refuses.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo


class UnreadableTimeError(ValueError):
    """Text that is no time; the message completes 'started_at …' and does not repeat the text."""


@dataclass(frozen=True)
class TimeReading:
    """What a text may mean."""

    moments: tuple[datetime, ...]
    """Aware, UTC, at least one; several where a two-digit year stands first or last."""
    note: str | None = None
    """What had to be assumed."""


NO_CLOCK = "has no time of day: 00:00 is assumed"
REPEATED_HOUR = "lies in an hour that the clocks repeated: the first is assumed"
TWO_DIGIT_YEAR = "has a two-digit year"

_SAY_FORMAT = "give its `time_format` in call_metadata.yaml"


def read_time(value: object, zone: ZoneInfo, time_format: str | None = None) -> TimeReading:
    """The start of a call from text or a number; without an offset it is in `zone`.

    Tried in this order: `time_format` (directives of `datetime.strptime`); year, month, day and
    time of day as in 2025-03-14T09:30:12+08:00, 2025/3/14 9:30, 2025年3月14日 上午9:30 or
    20250314093012; the same with two digits for the year, as 250314_093012; Unix time in seconds
    (10 digits), milliseconds (13) or microseconds (16).

    Raises UnreadableTimeError.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnreadableTimeError("is neither text nor a number")
    text = unicodedata.normalize("NFKC", str(value)).strip()
    if time_format is not None:
        try:
            found = datetime.strptime(text, time_format)
        except ValueError:
            pass  # one of the usual forms, then
        else:
            return _reading([found], zone, clock=has_clock(time_format))
    for read in (_read_unix, _read_year_first, _read_two_digit_year):
        if reading := read(text, zone):
            return reading
    if re.match(r"\d{1,2}([-/.])\d{1,2}\1\d{4}(?!\d)", text):
        raise UnreadableTimeError(f"does not begin with the year; {_SAY_FORMAT}")
    if re.match(r"\d{2}([-/.])\d{1,2}\1\d{1,2}(?!\d)", text):
        raise UnreadableTimeError(f"{TWO_DIGIT_YEAR}; {_SAY_FORMAT}")
    raise UnreadableTimeError("is not a time")


_PROBE = datetime(2025, 11, 23, 16, 7, 8)


def check_format(time_format: str) -> None:
    """Raises ValueError where a text in this format does not tell the day."""
    try:
        read = datetime.strptime(_PROBE.strftime(time_format), time_format)
    except (ValueError, re.error) as error:
        raise ValueError("no format of a time; write it like '%Y/%b/%d %H:%M'") from error
    if read.date() != _PROBE.date():
        raise ValueError("tells no day; name year, month and day, like '%Y/%b/%d'")


def has_clock(time_format: str) -> bool:
    """Whether a text in this format tells the hour."""
    return datetime.strptime(_PROBE.strftime(time_format), time_format).hour == _PROBE.hour


# The usual forms ----------------------------------------------------------------------------

_DATES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(\d{4})(?P<sign>[-/._])(\d{1,2})(?P=sign)(\d{1,2})(?!\d)",
        r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]",
        r"(\d{4})(\d\d)(\d\d)",
    )
)
_WEEKDAY = re.compile(r"\s*\(?(?:星期|周|礼拜)[一二三四五六日天]\)?")
_HALF = r"上午|下午|凌晨|早上|中午|晚上|[AP]\.?M\.?"
_TAIL = (
    rf"(?:[.,](?P<fraction>\d{{1,9}}))?\s*(?P<after>{_HALF})?"
    r"\s*(?P<offset>Z|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d\d)?|UTC|GMT)?(?:\[[\w/+-]+\])?"
)
_CLOCKS = tuple(
    re.compile(rf"(?P<before>{_HALF})?\s*{pattern}{_TAIL}", re.ASCII | re.IGNORECASE)
    for pattern in (
        r"(?P<hour>\d{1,2})(?P<sign>[:._-])(?P<minute>\d\d)(?:(?P=sign)(?P<second>\d\d))?",
        r"(?P<hour>\d{1,2})[时点](?:(?P<minute>\d{1,2})分?(?:(?P<second>\d{1,2})秒)?)?",
        r"(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<millis>\d{3})?)?",
    )
)
_STAMP = re.compile(r"(\d\d)(\d\d)(\d\d)[T\s_-]?(\d\d)(\d\d)(\d\d)(?:\d{3})?", re.ASCII)
_UNIX = re.compile(r"([1-9]\d{9})(\d{3}|\d{6}|\.\d+)?", re.ASCII)


def _read_year_first(text: str, zone: ZoneInfo) -> TimeReading | None:
    date = next((found for form in _DATES if (found := form.match(text))), None)
    if date is None:
        return None
    rest = text[date.end() :]
    if weekday := _WEEKDAY.match(rest):
        rest = rest[weekday.end() :]
    rest = rest.lstrip(" T,_-.")
    clock = next((found for form in _CLOCKS if (found := form.fullmatch(rest))), None)
    if clock is None and rest:
        return None
    year, month, day = (int(part) for part in date.groups() if part.isdigit())
    part = clock.groupdict() if clock else {}
    half = (part.get("before") or part.get("after") or "").replace(".", "").upper()
    fraction = part.get("millis") or part.get("fraction") or ""
    try:
        moment = datetime(
            year,
            month,
            day,
            _hour_of_day(int(part.get("hour") or 0), half),
            int(part.get("minute") or 0),
            int(part.get("second") or 0),
            int(fraction.ljust(6, "0")[:6]),
            tzinfo=_read_offset(part.get("offset")),
        )
    except ValueError:
        if _STAMP.fullmatch(text):
            return None  # twelve digits that begin with a two-digit year
        raise UnreadableTimeError("is an impossible date or time of day") from None
    return _reading([moment], zone, clock=clock is not None)


def _read_two_digit_year(text: str, zone: ZoneInfo) -> TimeReading | None:
    found = _STAMP.fullmatch(text)
    if found is None:
        return None
    first, middle, last, hour, minute, second = (int(part) for part in found.groups())
    days = ((first, middle, last), (last, middle, first), (last, first, middle))
    moments: list[datetime] = []
    for year, month, day in days:
        try:
            moments.append(datetime(2000 + year, month, day, hour, minute, second))
        except ValueError:
            continue
    if not moments:
        raise UnreadableTimeError("is an impossible date or time of day")
    return _reading(moments, zone, clock=True, note=TWO_DIGIT_YEAR)


def _read_unix(text: str, zone: ZoneInfo) -> TimeReading | None:
    found = _UNIX.fullmatch(text)
    if found is None:
        return None
    seconds, rest = found.groups(default="")
    micros = int(rest.lstrip(".").ljust(6, "0")[:6])
    moment = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=micros)
    return _reading([moment], zone, clock=True)


def _hour_of_day(hour: int, half: str) -> int:
    """The hour from 0 to 23 of a clock of twelve hours, e.g. 9 and `下午`; ValueError if none."""
    if half in ("下午", "晚上", "PM") or (half == "中午" and hour < 11):
        return hour if hour >= 12 else hour + 12
    if half in ("上午", "凌晨", "早上", "AM"):
        if hour > 12:
            raise ValueError("no such hour in the morning")
        return hour % 12
    return hour


def _read_offset(offset: str | None) -> timezone | None:
    """The offset of `+08:00`, `+0800`, `+8`, `UTC+8` or `Z`. ValueError beyond a day."""
    if offset is None:
        return None
    digits = re.sub(r"[A-Z:]", "", offset.upper())
    if not digits:
        return UTC
    hours, minutes = digits[1:].ljust(2, " ")[:2], digits[3:] or "0"
    if len(digits) == 4:  # +800
        hours, minutes = digits[1], digits[2:]
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-size if digits[0] == "-" else size)


def _reading(
    moments: list[datetime], zone: ZoneInfo, *, clock: bool, note: str | None = None
) -> TimeReading:
    """The moments in UTC; those without an offset are in `zone`."""
    if not clock:
        note = NO_CLOCK
    aware: list[datetime] = []
    for moment in moments:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)  # noqa: PLW2901
            if clock and moment.replace(fold=1).utcoffset() != moment.utcoffset():
                note = REPEATED_HOUR
        try:
            aware.append(moment.astimezone(UTC))
        except OverflowError:
            raise UnreadableTimeError("is not a time") from None
    return TimeReading(tuple(dict.fromkeys(aware)), note)
