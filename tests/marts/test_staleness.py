"""A change of a day makes out of date what reads that day, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from callqa_assets.domain.days import DEFAULT_CALENDAR, days_between, shift_day
from callqa_assets.marts.mart import Mart, MartContext
from callqa_assets.marts.staleness import Staleness

MARCH = days_between("2025-03-01", "2025-03-31")
CONTEXT = MartContext(cast(Any, None), DEFAULT_CALENDAR, Path(), "2025-06-01")


def mart(name: str, **options: Any) -> Mart:
    return Mart(name, "", (), "1", compute=lambda context, day: {}, **options)


CALLS = mart("calls")
REPEATS = mart("repeats", days_before=7, days_after=7)
TOPICS = mart("topics")
SPIKES = mart("spikes", days_before=56, reads=("topics",))
MARTS = (CALLS, REPEATS, TOPICS, SPIKES)


def compare(changes, stored, *, today="2025-06-01", marts=MARTS) -> Staleness:
    return Staleness(marts, CONTEXT, changes, stored, today)


def compute(changes, stored, **options) -> dict[tuple[str, str], str]:
    """What is stored after everything out of date was computed, day by day."""
    staleness = compare(changes, stored, **options)
    stored = dict(stored)
    for day, stale in staleness.find().items():
        for found in stale:
            stored[found.name, day] = staleness.version(found, day, stored)
    return stored


def stale_days(changes, stored, found: Mart, **options) -> list[str]:
    staleness = compare(changes, stored, **options)
    return [day for day in changes if staleness.is_stale(found, day)]


def test_everything_is_out_of_date_at_first_and_nothing_after_one_pass():
    changes = dict.fromkeys(MARCH, 1)
    assert len(compare(changes, {}).find()) == 31
    stored = compute(changes, {})
    assert compare(changes, stored).find() == {}


def test_a_late_call_reaches_the_days_that_read_its_day_and_no_others():
    changes = dict.fromkeys(MARCH, 1)
    stored = compute(changes, {})
    changes["2025-03-15"] += 1
    assert stale_days(changes, stored, CALLS) == ["2025-03-15"]
    assert stale_days(changes, stored, TOPICS) == ["2025-03-15"]
    assert stale_days(changes, stored, REPEATS) == days_between("2025-03-08", "2025-03-22")
    assert stale_days(changes, stored, SPIKES) == days_between("2025-03-15", "2025-03-31")
    assert compare(changes, compute(changes, stored)).find() == {}


def test_what_was_computed_from_an_outdated_mart_is_computed_again():
    changes = {"2025-03-01": 1, "2025-03-02": 1}
    # The second day first, as where two runs share the days.
    staleness = compare(changes, {})
    stored: dict[tuple[str, str], str] = {}
    for day in ("2025-03-02", "2025-03-01"):
        for found in MARTS:
            stored[found.name, day] = staleness.version(found, day, stored)
    assert stale_days(changes, stored, SPIKES) == ["2025-03-02"]


def test_other_code_or_configuration_makes_out_of_date_what_reads_it_too():
    changes = dict.fromkeys(MARCH[:3], 1)
    stored = compute(changes, {})
    changed = mart("topics", params=lambda context: {"topics": "other"})
    marts = (CALLS, REPEATS, changed, SPIKES)
    assert stale_days(changes, stored, CALLS, marts=marts) == []
    assert stale_days(changes, stored, changed, marts=marts) == MARCH[:3]
    assert stale_days(changes, stored, SPIKES, marts=marts) == MARCH[:3]


def test_what_looks_ahead_is_computed_again_once_its_window_is_over():
    changes = {"2025-03-01": 1}
    stored = compute(changes, {}, today="2025-03-08")
    assert stale_days(changes, stored, REPEATS, today="2025-03-08") == []
    assert stale_days(changes, stored, REPEATS, today="2025-03-09") == ["2025-03-01"]
    assert stale_days(changes, stored, CALLS, today="2025-03-09") == []
    done = compute(changes, stored, today="2025-03-09")
    assert stale_days(changes, done, REPEATS, today=shift_day("2025-03-09", 100)) == []
