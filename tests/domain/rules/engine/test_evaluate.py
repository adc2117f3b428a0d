"""Evaluation of rules: examples of each promise, and properties over random tracks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.alerts.identity import StoredAlert, carry_ids
from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    ChannelTrack,
)
from callqa_assets.domain.rules.conditions.emotion import EmotionCondition
from callqa_assets.domain.rules.conditions.levels import MAX_EVIDENCE_POINTS
from callqa_assets.domain.rules.engine import evaluate as alerting
from callqa_assets.domain.rules.engine.evaluate import (
    FiredAlert,
    make_alert_id,
)
from callqa_assets.domain.rules.rule_set import Rule, RuleSet, load_rules
from callqa_assets.domain.text.spoken_text import SpokenSegment

CONFIGS = Path(__file__).resolve().parents[4] / "configs"
WINDOW_S = 2.0
HOP_S = 0.25

Segment = tuple[float, Sequence[float]]
"""Start in seconds, and the value of each of its windows."""
Tile = tuple[float, float, float]
"""Start, end, value."""


def posteriors(**emotions: float) -> list[float]:
    """One row; what is not given goes to `unknown`."""
    row = [emotions.get(emotion, 0.0) for emotion in EMOTIONS]
    row[EMOTIONS.index("unknown")] = 1 - sum(row)
    return row


def make_track(
    segments: Sequence[Segment],
    emotion: str = "angry",
    channel: int = 1,
) -> ChannelTrack:
    windows = [
        (number, start_s + k * HOP_S, value)
        for number, (start_s, values) in enumerate(segments)
        for k, value in enumerate(values)
    ]
    start_s = np.array([start for _, start, _ in windows])
    return ChannelTrack(
        channel=channel,
        segment_no=np.array([number for number, _, _ in windows]),
        start_s=start_s,
        end_s=start_s + WINDOW_S,
        posteriors=np.array(
            [posteriors(**{emotion: value}) for _, _, value in windows], np.float32
        ).reshape(-1, len(EMOTIONS)),
    )


def cut_tiles(segments: Sequence[Segment]) -> list[Tile]:
    """The tile of each window of `make_track`, computed apart from the code under test."""
    tiles: list[Tile] = []
    for start_s, values in segments:
        for k, value in enumerate(values):
            centre_s = start_s + k * HOP_S + WINDOW_S / 2
            first, last = k == 0, k == len(values) - 1
            tiles.append(
                (
                    start_s if first else centre_s - HOP_S / 2,
                    start_s + k * HOP_S + WINDOW_S if last else centre_s + HOP_S / 2,
                    value,
                )
            )
    return tiles


def rule_set(keys: str) -> RuleSet:
    return load_rules(f"rules: [{{name: anger, emotion: angry, {keys}}}]", source="test")


def shipped(name: str) -> RuleSet:
    return load_rules((CONFIGS / name).read_text(encoding="utf-8"), source=name)


CALL = CallContext(
    "r1", 3600.0, ("agent", "customer"), CallFacts(line="hotline", queue="loans", agent_id="A7")
)


def evaluate(rules: RuleSet, call: CallContext, tracks: Sequence[ChannelTrack]) -> list[FiredAlert]:
    """Alerts of a call in which the agent greets, and never stops speaking."""
    speech = SpokenSegment(0, 0.0, call.duration_s, text="您好", text_raw="您好")
    return alerting.evaluate(rules, call, CallAnnotations(tracks, [speech]))


def times(alerts: Sequence[FiredAlert]) -> list[tuple[float, float, float]]:
    return [(a.started_s, a.fired_at_s, a.ended_s) for a in alerts]


# A segment of n windows lasts 1.75 + 0.25 n seconds; its first window speaks for 1.125 s, and so
# does its last, the others for 0.25 s.


def test_a_rule_fires_once_its_condition_has_held_for_its_duration():
    anger = rule_set("threshold: 0.75, duration_sec: 2")
    # 9 windows, 4 s of speech from second 10 on; the first 5 are angry: 1.125 + 4 x 0.25 s.
    track = make_track([(10.0, [0.8] * 5 + [0.1] * 4)])
    (alert,) = evaluate(anger, CALL, [track])
    assert (alert.started_s, alert.fired_at_s, alert.ended_s) == (10.0, 12.0, 12.125)
    assert alert.peak == 0.8
    shorter = make_track([(10.0, [0.8] * 4 + [0.1] * 5)])
    assert evaluate(anger, CALL, [shorter]) == []


def test_a_value_at_the_threshold_satisfies():
    assert evaluate(rule_set("threshold: 0.7"), CALL, [make_track([(0.0, [0.7])])])
    assert not evaluate(rule_set("threshold: 0.7"), CALL, [make_track([(0.0, [0.6999])])])


def test_a_segment_with_one_window_is_one_tile():
    (alert,) = evaluate(
        rule_set("threshold: 0.5, duration_sec: 2"), CALL, [make_track([(3.0, [0.9])])]
    )
    assert (alert.started_s, alert.fired_at_s, alert.ended_s) == (3.0, 5.0, 5.0)


def test_silence_up_to_max_gap_joins_but_is_not_counted():
    track = make_track([(0.0, [0.9]), (2.5, [0.9])])  # 2 s, silence of 0.5 s, 2 s
    joined = rule_set("threshold: 0.5, duration_sec: 4, max_gap_sec: 0.5")
    assert times(evaluate(joined, CALL, [track])) == [(0.0, 4.5, 4.5)]
    longer = rule_set("threshold: 0.5, duration_sec: 4.1, max_gap_sec: 0.5")
    assert evaluate(longer, CALL, [track]) == []
    broken = rule_set("threshold: 0.5, duration_sec: 2, max_gap_sec: 0.4")
    assert times(evaluate(broken, CALL, [track])) == [(0.0, 2.0, 2.0), (2.5, 4.5, 4.5)]


def test_a_window_below_breaks_what_has_not_fired_yet():
    track = make_track([(0.0, [0.9, 0.9, 0.2, 0.9, 0.9])])  # 1.375 s, 0.25 s, 1.375 s
    assert evaluate(rule_set("threshold: 0.5, duration_sec: 1.5"), CALL, [track]) == []


def test_a_firing_rule_stays_on_down_to_threshold_off():
    track = make_track([(0.0, [0.9, 0.45, 0.45, 0.2, 0.2])])
    plain = rule_set("threshold: 0.5, duration_sec: 1")
    assert times(evaluate(plain, CALL, [track])) == [(0.0, 1.0, 1.125)]
    lenient = rule_set("threshold: 0.5, threshold_off: 0.4, duration_sec: 1")
    assert times(evaluate(lenient, CALL, [track])) == [(0.0, 1.0, 1.625)]
    # The lower level holds a rule on; it never fires it.
    assert evaluate(lenient, CALL, [make_track([(0.0, [0.45] * 20)])]) == []


def test_a_firing_rule_outlasts_keep_firing_sec_below():
    track = make_track([(0.0, [0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.9])])
    keep = rule_set("threshold: 0.5, duration_sec: 0.25, keep_firing_sec: 0.5")
    # Two windows below (0.5 s) are outlasted, three are not; the last 0.9 fires again.
    assert times(evaluate(keep, CALL, [track])) == [(0.0, 0.25, 1.875), (2.625, 2.875, 3.75)]


def test_missing_windows_are_gaps_wherever_they_lie():
    track = make_track([(0.0, [0.9] * 12)])
    missing = track.posteriors.copy()
    missing[4:8] = np.nan
    as_nan = replace(track, posteriors=missing)
    keep = np.r_[0:4, 8:12]
    as_absent = ChannelTrack(
        channel=1,
        segment_no=track.segment_no[keep],
        start_s=track.start_s[keep],
        end_s=track.end_s[keep],
        posteriors=track.posteriors[keep],
    )
    for holed in (as_nan, as_absent):
        # Speech 0–4.75 s, unknown 1.875–2.875 s: 3.75 s of it are known.
        rules = rule_set("threshold: 0.5, duration_sec: 3.75")
        assert times(evaluate(rules, CALL, [holed])) == [(0.0, 4.75, 4.75)]
        assert evaluate(rule_set("threshold: 0.5, duration_sec: 3.8"), CALL, [holed]) == []
        split = rule_set("threshold: 0.5, duration_sec: 1, max_gap_sec: 0.9")
        assert [(a, b) for a, _, b in times(evaluate(split, CALL, [holed]))] == [
            (0.0, 1.875),
            (2.875, 4.75),
        ]


def test_channels_are_evaluated_apart():
    both = [
        make_track([(0.0, [0.9])], channel=0),
        make_track([(2.0, [0.9])], channel=1),
    ]
    assert evaluate(rule_set("threshold: 0.5, duration_sec: 3"), CALL, both) == []
    alerts = evaluate(rule_set("threshold: 0.5, duration_sec: 2"), CALL, both)
    assert [(a.channel, a.role) for a in alerts] == [(0, "agent"), (1, "customer")]


def test_role_limits_a_rule_to_channels():
    both = [
        make_track([(0.0, [0.9])], channel=0),
        make_track([(2.0, [0.9])], channel=1),
    ]
    rules = rule_set("threshold: 0.5, role: [customer, mixed]")
    assert [alert.role for alert in evaluate(rules, CALL, both)] == ["customer"]


@pytest.mark.parametrize(
    ("when", "fires"),
    [
        ("{line: hotline}", True),
        ("{line: HotLine}", True),
        ("{line: vip}", False),
        ("{line: [vip, hotline]}", True),
        ("{queue: loans, agent: A7}", True),
        ("{queue: loans, agent: A8}", False),
    ],
)
def test_when_limits_a_rule_to_calls(when: str, fires: bool):
    rules = rule_set(f"threshold: 0.5, when: {when}")
    assert bool(evaluate(rules, CALL, [make_track([(0.0, [0.9])])])) is fires


def test_when_never_matches_what_is_not_known():
    rules = rule_set("threshold: 0.5, when: {line: vip}")
    assert (
        evaluate(
            rules, CallContext("r1", 60.0, ("agent", "customer")), [make_track([(0.0, [0.9])])]
        )
        == []
    )


def test_mode_and_review_reach_the_alert():
    track = make_track([(0.0, [0.9])])
    (live,) = evaluate(rule_set("threshold: 0.5, review: true"), CALL, [track])
    (shadow,) = evaluate(rule_set("threshold: 0.5, enabled: shadow"), CALL, [track])
    assert (live.mode, live.needs_review) == ("live", True)
    assert (shadow.mode, shadow.needs_review) == ("shadow", False)
    assert evaluate(rule_set("threshold: 0.5, enabled: false"), CALL, [track]) == []


def test_evidence_shows_the_windows_and_levels_and_is_bounded():
    values = [0.6] * 200
    values[77] = 0.9
    rules = rule_set("threshold: 0.5, threshold_off: 0.4, duration_sec: 2")
    (alert,) = evaluate(rules, CALL, [make_track([(0.0, values)])])
    evidence = json.loads(json.dumps(alert.evidence))
    assert evidence["definition_hash"] == rules.rules[0].definition_hash
    (evidence,) = evidence["found"]
    assert (evidence["level_on"], evidence["level_off"]) == (0.5, 0.4)
    windows = evidence["windows"]
    assert evidence["windows_in_stretch"] == 200
    assert len(windows["angry"]) == len(windows["start_s"]) == MAX_EVIDENCE_POINTS == 50
    apart_s = np.diff(windows["start_s"])
    assert apart_s.max() < 2 * 200 * 0.25 / 48
    assert max(windows["angry"]) == alert.peak == 0.9
    assert windows["start_s"][0] == alert.started_s
    assert windows["end_s"][-1] == alert.ended_s
    assert alert.rule_hash == rules.rule_hash


def test_a_track_with_the_wrong_shape_is_refused():
    track = make_track([(0.0, [0.9])])
    with pytest.raises(ValueError, match=r"channel 1: posteriors have shape \(1, 7\)"):
        replace(track, posteriors=track.posteriors[:, :7])
    with pytest.raises(ValueError, match="a window ends before it starts"):
        replace(track, end_s=track.start_s)
    with pytest.raises(ValueError, match="parts of channel 1 have different hops"):
        evaluate(rule_set("threshold: 0.5"), CALL, [track, replace(track, hop_s=0.5)])
    with pytest.raises(ValueError, match="channel 2 has data, but the call has 2"):
        evaluate(rule_set("threshold: 0.5"), CALL, [replace(track, channel=2)])


# The shipped rules, by example.


def test_shipped_anger_rule_fires_on_two_angry_seconds_of_a_customer():
    rules = shipped("alert_rules.yaml")
    (alert,) = evaluate(rules, CALL, [make_track([(0.0, [0.8])])])
    assert (alert.rule, alert.priority, alert.notify_channels) == (
        "customer_anger",
        "high",
        ("dingtalk",),
    )
    assert evaluate(rules, CALL, [make_track([(0.0, [0.7])])]) == []
    assert evaluate(rules, CALL, [make_track([(0.0, [0.8])], channel=0)]) == []


def test_shipped_fear_rule_applies_to_the_vip_line_only():
    rules = shipped("alert_rules.yaml")
    track = make_track([(0.0, [0.65])], emotion="fearful")
    (alert,) = evaluate(rules, replace(CALL, facts=CallFacts(line="vip")), [track])
    assert (alert.rule, alert.notify_channels) == ("vip_fear", ("webhook", "email"))
    assert evaluate(rules, CALL, [track]) == []


def test_shipped_low_mood_rule_leaves_neutral_speech_alone():
    rules = shipped("alert_rules.yaml")
    track = make_track([(0.0, [0.0] * 9)])
    for sad, fired in ((0.35, ["low_mood"]), (0.25, [])):
        row = posteriors(sad=sad, neutral=0.9 - sad)
        same = replace(track, posteriors=np.array([row] * 9))
        assert [alert.rule for alert in evaluate(rules, CALL, [same])] == fired


def test_shipped_unclear_emotion_goes_to_review():
    track = make_track([(0.0, [0.45])], emotion="other")
    (alert,) = evaluate(shipped("alert_rules.yaml"), CALL, [track])
    assert (alert.rule, alert.needs_review, alert.notify_channels) == ("unclear_emotion", True, ())


@pytest.mark.parametrize(
    ("emotion", "name"), [("angry", "customer_anger"), ("fearful", "customer_fear")]
)
def test_shipped_compact_rules_fire_on_customers_alone(emotion: str, name: str):
    rules = shipped("alert_rules_compact.yaml")
    (rule,) = (rule for rule in rules.rules if rule.name == name)
    enough = make_track([(0.0, [rule.condition.level_on] * 12)], emotion=emotion)
    assert [alert.rule for alert in evaluate(rules, CALL, [enough])] == [name]
    assert evaluate(rules, CALL, [replace(enough, channel=0)]) == []
    calm = make_track([(0.0, [rule.condition.level_on - 0.05] * 12)], emotion=emotion)
    assert evaluate(rules, CALL, [calm]) == []


@pytest.mark.parametrize("name", ["alert_rules.yaml", "alert_rules_compact.yaml"])
def test_shipped_rules_on_words_and_sound(name: str):
    def fired(*segments: SpokenSegment, language: str = "zh") -> list[str]:
        call = CallContext("r1", 60.0, ("agent", "customer"), CallFacts(language=language))
        alerts = alerting.evaluate(shipped(name), call, CallAnnotations((), segments))
        assert all(alert.notify_channels == () for alert in alerts)
        return [f"{alert.rule} {alert.role} {alert.mode}" for alert in alerts]

    def speech(channel: int, start_s: float, end_s: float, text: str) -> SpokenSegment:
        return SpokenSegment(channel, start_s, end_s, -30.0, text, text)

    greeting = speech(0, 1.0, 20.0, "您好，请讲")
    asking = [speech(1, 21.0, 25.0, "我要退 款。"), speech(1, 40.0, 50.0, "到底退不退钱")]
    assert fired(greeting, *asking) == ["refund_asked customer live"]
    assert fired(greeting, asking[1]) == ["long_silence agent live", "refund_asked customer live"]
    assert fired(speech(0, 0.0, 60.0, "哪位")) == ["no_greeting agent shadow"]
    assert fired(speech(0, 0.0, 60.0, "hello"), language="en") == []
    # What the agent says of refunds is no request.
    assert fired(speech(0, 0.0, 60.0, "您好可以退款")) == []


# Properties, on tracks of up to five segments with values around the levels.

levels = st.sampled_from([0.0, 0.3, 0.4, 0.5, 0.6, 0.9])


@st.composite
def segment_lists(draw: st.DrawFn) -> list[Segment]:
    segments: list[Segment] = []
    at_s = 0.0
    for _ in range(draw(st.integers(1, 5))):
        at_s += draw(st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, 4.0]))
        values = draw(st.lists(levels, min_size=1, max_size=12))
        segments.append((at_s, values))
        at_s += WINDOW_S + HOP_S * (len(values) - 1)
    return segments


@st.composite
def anger_rules(draw: st.DrawFn) -> RuleSet:
    return RuleSet(
        (
            Rule(
                name="anger",
                condition=EmotionCondition(
                    emotion="angry",
                    threshold=0.5,
                    threshold_off=draw(st.sampled_from([0.3, 0.4, 0.5])),
                    duration_sec=draw(st.sampled_from([0.0, 0.25, 1.0, 1.5, 2.25, 3.0])),
                    keep_firing_sec=draw(st.sampled_from([0.0, 0.25, 0.5, 1.25])),
                    max_gap_sec=draw(st.sampled_from([0.0, 0.25, 1.0, 2.0])),
                ),
            ),
        )
    )


def walk(tiles: Sequence[Tile], rules: RuleSet) -> list[tuple[float, float]]:
    """Start and end of each firing, by a plain walk through time."""
    (rule,) = [rule.condition for rule in rules.rules]
    slack = 1e-6
    firings: list[tuple[float, float]] = []
    before_s = -np.inf
    pending_s, pending_from_s = 0.0, 0.0
    firing: list[float] | None = None
    below_s = 0.0
    for start_s, end_s, value in tiles:
        if start_s - before_s > rule.max_gap_sec + slack:
            if firing:
                firings.append((firing[0], firing[1]))
            firing, pending_s = None, 0.0
        before_s = end_s
        if firing:
            below_s = 0.0 if value >= rule.level_off - slack else below_s + end_s - start_s
            if below_s <= rule.keep_firing_sec + slack:
                firing[1] = end_s if below_s == 0 else firing[1]
                continue
            firings.append((firing[0], firing[1]))
            firing, pending_s = None, 0.0
        if value >= rule.level_on - slack:
            pending_from_s = pending_from_s if pending_s else start_s
            pending_s += end_s - start_s
            if pending_s >= rule.duration_sec - slack:
                firing, below_s = [pending_from_s, end_s], 0.0
        else:
            pending_s = 0.0
    return [*firings, (firing[0], firing[1])] if firing else firings


@given(segment_lists(), anger_rules())
@settings(max_examples=300, deadline=None)
def test_evaluation_agrees_with_a_plain_walk_through_time(segments: list[Segment], rules: RuleSet):
    alerts = evaluate(rules, CALL, [make_track(segments)])
    expected = walk(cut_tiles(segments), rules)
    assert [(a.started_s, a.ended_s) for a in alerts] == [
        (round(start_s, 3), round(end_s, 3)) for start_s, end_s in expected
    ]


@given(segment_lists(), anger_rules())
@settings(max_examples=100, deadline=None)
def test_hysteresis_never_flaps(segments: list[Segment], rules: RuleSet):
    (rule,) = [rule.condition for rule in rules.rules]
    tiles = cut_tiles(segments)
    alerts = evaluate(rules, CALL, [make_track(segments)])
    for alert in alerts:
        inside = [p for p in tiles if alert.started_s <= p[0] and p[1] <= alert.ended_s]
        assert sum(p[1] - p[0] for p in inside) >= rule.duration_sec - 1e-3
        assert alert.started_s <= alert.fired_at_s <= alert.ended_s
        assert inside[-1][2] >= rule.level_off - 1e-6
    for one, next_one in pairwise(alerts):
        between = [p for p in tiles if one.ended_s <= p[0] and p[1] <= next_one.started_s]
        below_s = sum(p[1] - p[0] for p in between if p[2] < rule.level_off)
        edges = [one.ended_s, *(t for p in between for t in p[:2]), next_one.started_s]
        longest_gap_s = max(b - a for a, b in zip(edges[::2], edges[1::2], strict=True))
        assert below_s > rule.keep_firing_sec or longest_gap_s > rule.max_gap_sec


@given(segment_lists(), anger_rules(), st.data())
@settings(max_examples=100, deadline=None)
def test_missing_windows_never_satisfy(
    segments: list[Segment], rules: RuleSet, data: st.DataObject
):
    track = make_track(segments)
    n = len(track.segment_no)
    missing = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    holed = track.posteriors.copy()
    holed[missing] = np.nan
    tiles = cut_tiles(segments)
    for alert in evaluate(rules, CALL, [replace(track, posteriors=holed)]):
        inside = [
            (end_s - start_s, lost)
            for (start_s, end_s, _), lost in zip(tiles, missing, strict=True)
            if alert.started_s <= start_s and end_s <= alert.ended_s
        ]
        known_s = sum(seconds for seconds, lost in inside if not lost)
        assert known_s >= rules.rules[0].condition.duration_sec - 1e-3
        assert not inside[0][1]
        assert not inside[-1][1]


@given(segment_lists(), anger_rules(), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_order_and_parts_of_the_rows_change_nothing(
    segments: list[Segment], rules: RuleSet, random: Random, parts: int
):
    track = make_track(segments)
    rows = list(range(len(track.segment_no)))
    random.shuffle(rows)
    split = [
        ChannelTrack(
            channel=track.channel,
            segment_no=track.segment_no[part],
            start_s=track.start_s[part],
            end_s=track.end_s[part],
            posteriors=track.posteriors[part],
        )
        for part in np.array_split(np.array(rows), parts)
    ]
    assert evaluate(rules, CALL, split) == evaluate(rules, CALL, [track])


@given(segment_lists(), anger_rules())
@settings(max_examples=50, deadline=None)
def test_recomputing_the_same_alerts_keeps_their_ids_and_ends_none(
    segments: list[Segment], rules: RuleSet
):
    alerts = evaluate(rules, CALL, [make_track(segments)])
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    assert carry_ids(alerts, [stored(alert) for alert in alerts]) == (alerts, set())


# Identity across recomputation.


def fired(started_s: float, ended_s: float, rule: str = "anger", channel: int = 1) -> FiredAlert:
    return FiredAlert(
        alert_id=make_alert_id("r1", channel, rule, started_s),
        recording_id="r1",
        channel=channel,
        role="customer",
        rule=rule,
        rule_hash="",
        priority="high",
        notify_channels=(),
        started_s=started_s,
        ended_s=ended_s,
        fired_at_s=started_s,
        peak=1.0,
        mode="live",
        needs_review=False,
        evidence={},
    )


def stored(alert: FiredAlert) -> StoredAlert:
    return StoredAlert(
        alert.alert_id,
        alert.recording_id,
        alert.channel,
        alert.rule,
        alert.started_s,
        alert.ended_s,
    )


def test_alert_id_is_pinned():
    # Ids are in people's tables and messages: a change of the formula is a migration.
    assert make_alert_id("r1", 1, "客户愤怒", 12.25) == "7a1488eea12db1adb906e902ca171d10"


def test_an_alert_that_moved_a_hop_keeps_its_id():
    old = fired(10.0, 13.0)
    (carried,), ended = carry_ids([fired(10.25, 12.75)], [stored(old)])
    assert (carried.alert_id, carried.started_s, ended) == (old.alert_id, 10.25, set())


def test_an_alert_that_no_longer_fires_is_named():
    old = fired(10.0, 13.0)
    carried, ended = carry_ids([fired(20.0, 22.0)], [stored(old)])
    assert ended == {old.alert_id}
    assert carried == [fired(20.0, 22.0)]


def test_other_rules_and_channels_do_not_hand_down_ids():
    old = [stored(fired(10.0, 13.0, rule="fear")), stored(fired(10.0, 13.0, channel=0))]
    carried, ended = carry_ids([fired(10.0, 13.0)], old)
    assert carried == [fired(10.0, 13.0)]
    assert ended == {alert.alert_id for alert in old}


def test_of_two_halves_the_longer_keeps_the_id():
    old = fired(10.0, 20.0)
    carried, ended = carry_ids([fired(10.0, 12.0), fired(13.0, 20.0)], [stored(old)])
    assert carried[1].alert_id == old.alert_id
    assert carried[0].alert_id != old.alert_id
    assert ended == set()


def test_of_two_that_grew_together_the_longer_hands_down_its_id():
    old = [fired(10.0, 12.0), fired(13.0, 20.0)]
    (carried,), ended = carry_ids([fired(10.0, 20.0)], [stored(alert) for alert in old])
    assert carried.alert_id == old[1].alert_id
    assert ended == {old[0].alert_id}


def test_a_new_alert_where_a_moved_one_began_gets_an_id_of_its_own():
    first = fired(10.0, 20.0)
    moved, _ = carry_ids([fired(12.0, 22.0)], [stored(first)])
    assert moved[0].alert_id == first.alert_id
    again, ended = carry_ids(
        [fired(10.0, 11.0), fired(12.0, 22.0)], [stored(alert) for alert in moved]
    )
    assert again[1].alert_id == first.alert_id
    assert again[0].alert_id != first.alert_id
    assert len(again[0].alert_id) == 32
    assert ended == set()


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_ids_stay_unique_and_do_not_depend_on_the_order_of_rows(
    new_times: list[tuple[int, int]], old_times: list[tuple[int, int]], random: Random
):
    new = [fired(start, start + length) for start, length in dict(new_times).items()]
    old = [stored(fired(start, start + length)) for start, length in dict(old_times).items()]
    carried, ended = carry_ids(new, old)
    ids = [alert.alert_id for alert in carried]
    assert len(set(ids)) == len(ids)
    assert not ended & set(ids)
    assert ended | set(ids) >= {alert.alert_id for alert in old}
    random.shuffle(old)
    assert carry_ids(new, old) == (carried, ended)
