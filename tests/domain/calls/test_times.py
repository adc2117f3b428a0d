"""A start of a call is read in the form in which it was written, or refused: never another day."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.calls.times import (
    NO_CLOCK,
    REPEATED_HOUR,
    TWO_DIGIT_YEAR,
    UnreadableTimeError,
    check_format,
    read_time,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=SHANGHAI).astimezone(UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        "2025-03-14T09:30:12+08:00",
        "2025-03-14T01:30:12Z",
        "2025-03-14T01:30:12 UTC",
        "2025-03-13T21:30:12-0400",
        "2025-03-14T09:30:12",
        "2025-03-14 09:30:12",
        "2025-03-14T09-30-12",
        "2025-03-14_09-30-12",
        "2025/3/14 9:30:12",
        "2025.03.14 09.30.12",
        "2025年3月14日 09:30:12",
        "2025年3月14日上午9时30分12秒",
        "2025年3月14日 星期五 9:30:12",
        "2025/3/14 上午9:30:12",
        "2025/3/14 9:30:12 AM",
        "20250314093012",
        "20250314_093012",
        "20250314-093012",
        "２０２５－０３－１４ ０９：３０：１２",
        20250314093012,
        1741915812,
        1741915812.0,
        1741915812000,
        1741915812000000,
        "1741915812",
        " 1741915812 ",
    ],
)
def test_a_start_is_read_in_every_usual_form(value: object) -> None:
    found = read_time(value, SHANGHAI)
    assert (found.moments, found.note) == ((at(2025, 3, 14, 9, 30, 12),), None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025/3/14 9:30", at(2025, 3, 14, 9, 30)),
        ("2025年3月14日下午3点05分", at(2025, 3, 14, 15, 5)),
        ("2025/3/14 12:05 AM", at(2025, 3, 14, 0, 5)),
        ("2025/3/14 12:05 PM", at(2025, 3, 14, 12, 5)),
        ("20250314153012345", datetime(2025, 3, 14, 7, 30, 12, 345000, UTC)),
        ("202503140930", at(2025, 3, 14, 9, 30)),
    ],
)
def test_halves_of_the_day_and_fractions_are_read(value: str, expected: datetime) -> None:
    assert read_time(value, SHANGHAI).moments == (expected,)


def test_a_day_without_a_time_of_day_is_said_to_be_one() -> None:
    found = read_time("2025-03-14", SHANGHAI)
    assert (found.moments, found.note) == ((at(2025, 3, 14, 0, 0),), NO_CLOCK)


def test_all_readings_of_a_two_digit_year_are_returned() -> None:
    found = read_time("250314_093012", SHANGHAI)
    assert set(found.moments) == {at(2025, 3, 14, 9, 30, 12), at(2014, 3, 25, 9, 30, 12)}
    assert found.note == TWO_DIGIT_YEAR


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2025-13-01", "impossible"),
        ("2025-02-30 09:00:00", "impossible"),
        ("20251301000000", "impossible"),
        ("14/03/2025", "time_format"),
        ("03-14-2025 09:30", "time_format"),
        ("25-03-14 09:30", "two-digit year"),
        ("", "not a time"),
        ("now", "not a time"),
        (-1, "not a time"),
        (float("nan"), "not a time"),
        ("9" * 400, "not a time"),
        (None, "neither text nor a number"),
        (True, "neither text nor a number"),
        ([1], "neither text nor a number"),
    ],
)
def test_what_tells_no_day_for_sure_is_refused_without_being_quoted(
    value: object, reason: str
) -> None:
    with pytest.raises(UnreadableTimeError, match=reason) as error:
        read_time(value, SHANGHAI)
    if isinstance(value, str) and value:
        assert value not in str(error.value)


def test_a_format_of_the_configuration_decides_the_order() -> None:
    assert read_time("03/14/2025 09:30", SHANGHAI, "%m/%d/%Y %H:%M").moments == (
        at(2025, 3, 14, 9, 30),
    )
    assert read_time("2025/Mar/14", SHANGHAI, "%Y/%b/%d").note == NO_CLOCK


@pytest.mark.parametrize("time_format", ["%H:%M", "%Y/%m", "%Q", "day"])
def test_a_format_that_tells_no_day_is_refused(time_format: str) -> None:
    with pytest.raises(ValueError, match=r"tells no day|no format"):
        check_format(time_format)


def test_an_hour_that_the_clocks_repeated_is_said_to_be_one() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert read_time("2025-10-26 02:30:00", berlin).note == REPEATED_HOUR
    assert read_time("2025-10-26 02:30:00+01:00", berlin).note is None


FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y.%m.%d_%H.%M.%S", "%Y%m%d%H%M%S",
    "%Y%m%d-%H%M%S", "%Y年%m月%d日 %H时%M分%S秒", "%Y-%m-%d_%H-%M-%S", "%Y/%m/%d %I:%M:%S %p",
)  # fmt: skip


@given(st.datetimes(datetime(2001, 1, 1), datetime(2199, 12, 31)), st.sampled_from(FORMS))
def test_what_a_platform_writes_is_what_is_read(moment: datetime, form: str) -> None:
    moment = moment.replace(microsecond=0)
    written = moment.strftime(form)
    assert read_time(written, ZoneInfo("UTC")).moments == (moment.replace(tzinfo=UTC),)


@given(st.text(max_size=40) | st.integers() | st.floats())
def test_nothing_but_an_unreadable_time_is_raised(value: object) -> None:
    with contextlib.suppress(UnreadableTimeError):
        assert read_time(value, SHANGHAI).moments
