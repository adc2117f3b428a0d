"""An alert keeps its id for as long as it is the same alert, and no two have one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callqa_assets.domain.alerts.identity import carry_ids
from callqa_assets.domain.rules.engine.evaluate import FiredAlert
from tests.domain.alerts.test_changes import fired, stored


def ids(alerts: list[FiredAlert]) -> list[str]:
    return [alert.alert_id for alert in alerts]


@pytest.mark.parametrize(
    ("place", "continues"),
    [((5.0, 6.0), True), ((5.001, 6.0), False), ((2.0, 3.0), True), ((2.0, 2.999), False)],
)
def test_an_alert_that_touches_an_old_one_continues_it_and_a_millisecond_apart_is_another(
    place, continues
):
    old = stored(fired(3, 5), alert_id="old")
    carried, gone = carry_ids([fired(*place)], [old])
    assert (ids(carried) == ["old"]) is continues
    assert gone == (set() if continues else {"old"})


def test_the_old_alert_that_is_overlapped_most_is_continued():
    old = [
        stored(fired(0, 4), alert_id="a"),
        stored(fired(5, 9), alert_id="b"),
        stored(fired(10, 12), alert_id="c"),
    ]
    carried, gone = carry_ids([fired(2, 11)], old)
    assert ids(carried) == ["b"]
    assert gone == {"a", "c"}


def test_of_two_new_alerts_one_continues_the_old_and_the_other_the_next_best():
    old = [stored(fired(0, 10), alert_id="a"), stored(fired(9, 14), alert_id="b")]
    carried, gone = carry_ids([fired(0, 6), fired(7, 12)], old)
    assert ids(carried) == ["a", "b"]
    assert gone == set()
    apart = [fired(0, 3), fired(4, 8)]
    carried, _ = carry_ids(apart, old[:1])
    assert ids(carried) == [apart[0].alert_id, "a"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_tie_goes_to_the_earlier_whatever_the_order_of_the_rows(order):
    old = [stored(fired(0, 2), alert_id="z"), stored(fired(4, 6), alert_id="a")][::order]
    carried, gone = carry_ids([fired(1, 5)], old)
    assert (ids(carried), gone) == (["z"], {"a"})
    same_place = [stored(fired(0, 2), alert_id=name) for name in "ab"][::order]
    carried, gone = carry_ids([fired(0, 2)], same_place)
    assert (ids(carried), gone) == (["a"], {"b"})
    new = [fired(0, 2), fired(4, 6)][::order]
    carried, _ = carry_ids(new, [stored(fired(1, 5), alert_id="old")])
    assert {alert.started_s: alert.alert_id for alert in carried}[0] == "old"


def test_a_new_alert_gets_no_id_that_another_has_or_had():
    moved, new, newer = fired(10, 12), fired(3, 5), fired(20, 22)
    taken = stored(moved, alert_id=new.alert_id)
    carried, _ = carry_ids([replace(newer, alert_id=new.alert_id), new, moved], [taken])
    assert carried[2].alert_id == new.alert_id
    assert len({*ids(carried)}) == 3
    assert all(len(alert.alert_id) == 32 for alert in carried[:2])


def test_what_inhibits_an_alert_is_named_by_the_id_that_it_keeps():
    strong = fired(3, 5)
    weak = replace(fired(3, 5, rule="fear"), inhibited_by=strong.alert_id)
    carried, _ = carry_ids([weak, strong], [stored(strong, alert_id="old")])
    assert [alert.inhibited_by for alert in carried] == ["old", None]
