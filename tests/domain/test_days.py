"""A moment belongs to one local day, whatever clock it was told by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callqa_assets.domain.days import Calendar, days_between, trailing_days

SHANGHAI = Calendar()
BERLIN = Calendar(timezone="Europe/Berlin", first_day="2024-12-30")


def test_a_call_belongs_to_the_local_day_on_which_it_started():
    midnight = datetime(2025, 3, 13, 16, tzinfo=UTC)
    assert SHANGHAI.day_of(midnight) == "2025-03-14"
    assert SHANGHAI.day_of(midnight - timedelta(microseconds=1)) == "2025-03-13"
    assert BERLIN.day_of(midnight) == "2025-03-13"


def test_the_first_day_begins_at_its_local_midnight():
    assert SHANGHAI.begins_at == datetime(2019, 12, 31, 16, tzinfo=UTC)
    assert BERLIN.begins_at == datetime(2024, 12, 29, 23, tzinfo=UTC)


@pytest.mark.parametrize("hour", [0, 12, 22])
def test_a_day_ends_a_microsecond_before_the_next_begins(hour):
    """On the day that is an hour shorter, too."""
    moment = datetime(2025, 3, 29, 23, tzinfo=UTC) + timedelta(hours=hour)
    assert BERLIN.end_of_day(moment) == datetime(2025, 3, 30, 21, 59, 59, 999_999, tzinfo=UTC)


def test_both_ends_count_among_the_days_between():
    assert days_between("2025-02-27", "2025-03-01") == ["2025-02-27", "2025-02-28", "2025-03-01"]
    assert days_between("2025-03-01", "2025-03-01") == ["2025-03-01"]
    assert days_between("2025-03-02", "2025-03-01") == []


def test_a_day_is_compared_with_the_fourteen_before_it():
    days = trailing_days("2025-03-15")
    assert (len(days), days[0], days[-1]) == (15, "2025-03-01", "2025-03-15")
