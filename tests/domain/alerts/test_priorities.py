"""The one order of priorities."""

from callqa_assets.domain.alerts.priorities import PRIORITIES, PRIORITY_RANKS


def test_the_most_urgent_comes_first():
    assert PRIORITIES == ("high", "medium", "low")
    assert sorted(["low", "high", "medium"], key=PRIORITY_RANKS.__getitem__) == list(PRIORITIES)
