"""Workdays of China: make-up days count, holidays do not; unpublished years are not guessed."""

from __future__ import annotations

import pytest

from callqa_assets.domain.workdays import WorkdaysError, load_workdays
from resources.storage.home import REPO

SHIPPED = REPO / "configs" / "workdays.csv"
HEAD = "day,kind,holiday\n"


@pytest.fixture(scope="module")
def shipped():
    return load_workdays(SHIPPED.read_text("utf-8"), source="workdays.csv")


@pytest.mark.parametrize(
    ("day", "worked", "holiday"),
    [
        ("2025-01-26", True, None),  # a Sunday that makes up for the Spring Festival
        ("2025-01-28", False, "春节"),  # New Year's Eve, a Tuesday
        ("2025-03-14", True, None),  # a Friday
        ("2025-03-15", False, None),  # a Saturday
        ("2025-10-06", False, "中秋节"),
        ("2025-10-08", False, "国庆节"),
        ("2025-10-11", True, None),  # a Saturday
        ("2026-01-04", True, None),  # a Sunday
        ("2020-01-31", False, "春节"),  # prolonged, a Friday
    ],
)
def test_a_day_is_worked_as_the_state_council_published(shipped, day, worked, holiday):
    assert shipped.is_workday(day) is worked
    assert shipped.name_holiday(day) == holiday


def test_the_shipped_years_are_covered_and_others_are_not_guessed(shipped):
    assert shipped.years == {*range(2020, 2027)}
    assert shipped.is_workday("2027-03-15") is None
    assert shipped.count_between("2026-12-30", "2027-01-04") is None


def test_business_days_skip_holidays_and_count_make_up_days(shipped):
    # After Friday 24 January: Sunday 26, Monday 27; the festival is until 4 February; 5, 6, 7, 8.
    assert shipped.count_between("2025-01-24", "2025-02-08") == 6
    assert shipped.count_between("2025-03-14", "2025-03-14") == 0
    assert shipped.count_between("2025-03-14", "2025-03-17") == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the first line is to be `day,kind,holiday`"),
        ("day;kind;holiday\n", "the first line is to be"),
        (HEAD + "2025-02-30,holiday,春节\n", r"line 2: `2025-02-30` is no day"),
        (HEAD + "20250128,holiday,春节\n", r"line 2: `20250128` is no day"),
        ("# a comment\n\n" + HEAD + "2025-01-28,free,春节\n", r"line 4: `free` is neither"),
        (HEAD + "2025-01-28,holiday, \n", "no name"),
        (HEAD + "2025-01-28,holiday\n", "2 columns"),
        (HEAD + "2025-01-28,holiday,春节\n2025-01-28,workday,春节\n", "line 3: .*twice"),
    ],
)
def test_a_wrong_line_is_named_with_the_cure(text, problem):
    with pytest.raises(WorkdaysError, match=rf"w\.csv.*{problem}"):
        load_workdays(text, source="w.csv")
