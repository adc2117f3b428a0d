"""The day's number of alerts: what is unusual is reported, chance is not."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.alerts.volume import DayVolume, VolumeBounds, judge_volume


def day_of(hours: float = 100.0, **alerts: int) -> DayVolume:
    return DayVolume(hours, alerts)


TWO_WEEKS = [day_of(anger=n) for n in (20, 22, 18, 21, 19, 25, 16, 20, 22, 18, 21, 19, 24, 17)]


def test_a_day_like_the_days_before_has_no_findings():
    assert judge_volume(day_of(anger=23), TWO_WEEKS) == []


@pytest.mark.parametrize("count", [0, 60])
def test_no_alerts_and_a_flood_are_reported_for_the_rule_and_in_total(count):
    altogether, rule = judge_volume(day_of(anger=count), TWO_WEEKS)
    assert altogether.startswith(f"all rules: {count} alerts in 100.0 audio hours")
    assert rule == f"anger: {count}{altogether.removeprefix(f'all rules: {count}')}"
    assert rule.endswith("expected 20.0 ± 4.5 from the previous 14 days")


def test_a_day_twice_as_long_may_have_twice_the_alerts():
    assert judge_volume(day_of(200, anger=40), TWO_WEEKS) == []
    assert judge_volume(day_of(10, anger=40), TWO_WEEKS) != []


def test_one_unusual_day_in_the_past_hides_nothing():
    past = [*TWO_WEEKS[:-1], day_of(anger=5000)]
    assert len(judge_volume(day_of(anger=60), past)) == 2
    assert judge_volume(day_of(anger=23), past) == []


def test_a_past_that_varies_allows_as_much_variation():
    past = [day_of(anger=n) for n in (5, 60, 10, 55, 20, 45, 8, 50, 30, 40, 12, 58, 25, 35)]
    assert judge_volume(day_of(anger=90), past) == []


def test_a_rule_that_never_fired_may_fire_a_few_times():
    assert judge_volume(day_of(anger=20, fear=3), TWO_WEEKS) == []
    (finding,) = judge_volume(day_of(anger=20, fear=4), TWO_WEEKS)
    assert finding.startswith("fear: 4 alerts")


def test_a_rule_that_no_longer_fires_is_reported():
    past = [day_of(anger=20, fear=30) for _ in range(14)]
    findings = judge_volume(day_of(anger=20), past)
    assert [finding.split(":")[0] for finding in findings] == ["all rules", "fear"]


def test_four_days_are_no_past_and_five_are_and_closed_days_do_not_count():
    closed = [day_of(0, anger=1) for _ in range(10)]
    short = [day_of(0.5) for _ in range(5)]
    assert judge_volume(day_of(anger=500), short) != []
    assert judge_volume(day_of(anger=500), [*TWO_WEEKS[:4], *closed]) == []
    (altogether, _) = judge_volume(day_of(anger=500), [*closed, *TWO_WEEKS[:5]])
    assert altogether.endswith("from the previous 5 days")
    assert judge_volume(day_of(anger=500), TWO_WEEKS, VolumeBounds(min_days=15)) == []


@pytest.mark.parametrize(("count", "is_odd"), [(1, True), (2, False), (30, False), (31, True)])
def test_three_and_a_half_deviations_are_ordinary_and_one_alert_more_is_not(count, is_odd):
    """Expected 16, whose root is 4: 14 more or less."""
    past = [day_of(anger=16) for _ in range(5)]
    assert bool(judge_volume(day_of(anger=count), past)) is is_odd


def test_the_deviation_of_the_past_is_the_median_one_as_that_of_a_normal_distribution():
    past = [day_of(anger=n) for n in (80, 90, 100, 110, 900)]
    assert judge_volume(day_of(anger=151), past) == []
    (_, rule) = judge_volume(day_of(anger=152), past)
    assert rule.endswith("expected 100.0 ± 14.8 from the previous 5 days")
    (_, twice) = judge_volume(day_of(200, anger=304), past)
    assert "expected 200.0 ± 29.7 from" in twice


def test_a_day_without_sound_is_not_judged():
    assert judge_volume(day_of(0, anger=40), TWO_WEEKS) == []
    assert judge_volume(day_of(0.5, anger=40), TWO_WEEKS) != []


@pytest.mark.parametrize("daily", [0.3, 3, 30, 300])
def test_chance_alone_is_reported_on_fewer_than_one_day_in_a_hundred(daily):
    """Poisson counts of days of unequal length."""
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(1_000):
        hours = rng.uniform(60, 140, 15)
        counts = rng.poisson(daily * hours / 100)
        days = [day_of(h, anger=int(n)) for h, n in zip(hours, counts, strict=True)]
        found += bool(judge_volume(days[0], days[1:]))
    assert found < 10
