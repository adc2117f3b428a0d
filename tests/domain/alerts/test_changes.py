"""A call's alerts before and after: each is listed once, with what happened to it."""

from __future__ import annotations

from dataclasses import replace

from callqa_assets.domain.alerts.changes import AlertChange, compare_alerts
from callqa_assets.domain.alerts.identity import StoredAlert
from callqa_assets.domain.rules.engine.evaluate import FiredAlert


def fired(started_s: float, ended_s: float, rule: str = "anger", channel: int = 1) -> FiredAlert:
    return FiredAlert(
        alert_id=f"{rule}{channel}-{started_s}",
        recording_id="call",
        channel=channel,
        role="customer",
        rule=rule,
        rule_hash="0" * 64,
        priority="high",
        notify_channels=(),
        started_s=started_s,
        ended_s=ended_s,
        fired_at_s=ended_s,
        peak=0.8,
        mode="live",
        needs_review=False,
        evidence={},
    )


def stored(alert: FiredAlert, alert_id: str | None = None) -> StoredAlert:
    return StoredAlert(
        alert_id or alert.alert_id,
        alert.recording_id,
        alert.channel,
        alert.rule,
        alert.started_s,
        alert.ended_s,
    )


def kinds(changes: list[AlertChange]) -> list[str]:
    return [change.kind for change in changes]


def test_an_alert_that_fires_again_where_it_was_is_the_same():
    alert = fired(3, 5)
    (change,) = compare_alerts([stored(alert)], [alert])
    assert change == AlertChange("same", "anger", alert.alert_id, (3, 5), (3, 5))


def test_an_alert_that_overlaps_its_old_place_has_moved_and_keeps_its_id():
    old = fired(3, 5)
    (change,) = compare_alerts([stored(old)], [fired(3.5, 6)])
    assert change == AlertChange("moved", "anger", old.alert_id, (3, 5), (3.5, 6))


def test_a_millisecond_is_a_move_and_half_of_one_is_rounding():
    old = stored(fired(0, 5))
    for place, kind in (
        ((0.0005, 5), "same"),
        ((0.001, 5), "moved"),
        ((0, 5.0004), "same"),
        ((0, 5.001), "moved"),
        ((0, 4.999), "moved"),
    ):
        assert kinds(compare_alerts([old], [fired(*place)])) == [kind]


def test_what_is_on_one_side_only_is_added_or_gone():
    changes = compare_alerts([stored(fired(3, 5))], [fired(10, 12)])
    assert kinds(changes) == ["added", "gone"]
    assert (changes[0].before_s, changes[0].after_s) == (None, (10, 12))
    assert (changes[1].before_s, changes[1].after_s) == ((3, 5), None)


def test_another_rule_or_channel_is_another_alert():
    before = [stored(fired(3, 5))]
    for other in (fired(3, 5, rule="fear"), fired(3, 5, channel=0)):
        assert kinds(compare_alerts(before, [other])) == ["added", "gone"]


def test_two_alerts_that_become_one_are_one_moved_and_one_gone():
    before = [stored(fired(3, 5)), stored(fired(6, 9))]
    changes = compare_alerts(before, [fired(3, 9)])
    assert kinds(changes) == ["moved", "gone"]
    assert changes[0].before_s == (6, 9)  # the larger part goes on


def test_a_new_alert_where_a_moved_one_once_began_is_not_taken_for_it():
    moved_away = fired(10, 12)
    old = stored(moved_away, alert_id=fired(3, 5).alert_id)
    changes = compare_alerts([old], [fired(3, 5), moved_away])
    assert kinds(changes) == ["added", "same"]


def test_without_alerts_nothing_changes():
    assert compare_alerts([], []) == []


def test_an_alert_whose_peak_alone_changed_is_the_same():
    alert = fired(3, 5)
    assert kinds(compare_alerts([stored(alert)], [replace(alert, peak=0.9)])) == ["same"]
