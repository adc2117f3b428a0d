"""Conditions on words, sound and on each other: examples of each promise."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    Sound,
)
from callqa_assets.domain.rules.engine.evaluate import FiredAlert, evaluate, evaluate_calls
from callqa_assets.domain.rules.rule_set import RuleSet, load_rules
from callqa_assets.domain.text.spoken_text import SpokenSegment
from tests.domain.rules.engine.test_evaluate import make_track

AGENT, CUSTOMER = 0, 1
CALL = CallContext("r1", 60.0, ("agent", "customer"), CallFacts(line="hotline"))


def rule_set(*rules: str) -> RuleSet:
    """Rules from the keys of each; the first is named `a`, the next `b`, and so on."""
    named = [f"- {{name: {chr(97 + n)}, {keys}}}" for n, keys in enumerate(rules)]
    return load_rules("\n".join(["rules:", *named]), source="test")


def say(
    channel: int, start_s: float, text: str, *, word_s: float = 0.5, raw: str | None = None
) -> SpokenSegment:
    """A segment in which every character takes `word_s`."""
    raw = text if raw is None else raw
    words = [
        {"word": c, "start_s": start_s + i * word_s, "end_s": start_s + (i + 1) * word_s}
        for i, c in enumerate(raw)
    ]
    end_s = start_s + len(raw) * word_s
    return SpokenSegment(channel, start_s, end_s, -30.0, text, raw, json.dumps(words))


def talk(channel: int, start_s: float, end_s: float, level_dbfs: float = -30.0) -> SpokenSegment:
    return SpokenSegment(channel, start_s, end_s, level_dbfs)


def fire(
    keys: str | RuleSet, *segments: SpokenSegment, tracks: Sequence = (), call: CallContext = CALL
) -> list[FiredAlert]:
    rules = keys if isinstance(keys, RuleSet) else rule_set(keys)
    return evaluate(rules, call, CallAnnotations(tracks, segments))


def times(alerts: Sequence[FiredAlert]) -> list[tuple[float, float]]:
    return [(alert.started_s, alert.ended_s) for alert in alerts]


# Words.


def test_a_phrase_fires_on_the_channel_where_it_is_said_with_the_time_of_its_words():
    said = say(CUSTOMER, 10.0, "我要退款马上")
    (alert,) = fire("text: {any: [退款]}", said, say(AGENT, 2.0, "您好"))
    assert (alert.channel, alert.role) == (CUSTOMER, "customer")
    assert (alert.started_s, alert.fired_at_s, alert.ended_s) == (11.0, 12.0, 12.0)
    assert alert.peak == 1.0
    assert alert.evidence["found"] == [
        {
            "condition": "text",
            "start_s": 11.0,
            "end_s": 12.0,
            "channel": 1,
            "role": "customer",
            "matches": [{"start_s": 11.0, "end_s": 12.0, "said": "退款"}],
        }
    ]
    assert [part["text"] for part in alert.evidence["said"]] == ["我要退款马上"]
    assert fire("text: {any: [退款]}, role: agent", said) == []


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("退款", "退 款"),
        ("退款", "退，款！"),
        ("ＶＩＰ用户", "vip用户"),
        ("vip 用户", "ＶＩＰ。用户"),
        ("Straße", "STRASSE"),
        ("refund me", "Refund, me"),
        ("95588", "９５５ ８８"),
    ],
)
def test_phrases_ignore_space_punctuation_width_and_case(phrase: str, text: str):
    assert fire(f"text: {{any: ['{phrase}']}}", say(CUSTOMER, 1.0, text))


def test_normalised_and_raw_text_both_count_with_the_times_of_the_words():
    # Raw 5..8 is written 5..7: 三百 二十 as 320 would be.
    said = say(CUSTOMER, 10.0, "请退我三百二十块钱", word_s=1.0)
    said = said._replace(
        text="請退我320塊錢", alignment="[[0, 1, 0, 1], [3, 7, 3, 6], [7, 9, 6, 8]]"
    )
    assert times(fire("text: {any: [三百二]}", said)) == [(13.0, 16.0)]
    # What the normalised text alone has, has the times of all that it stands for.
    assert times(fire("text: {any: ['320']}", said)) == [(13.0, 17.0)]
    assert times(fire("text: {any: ['2']}", said)) == [(13.0, 17.0)]
    assert times(fire("text: {any: [我320]}", said)) == [(12.0, 17.0)]
    assert times(fire("text: {any: [0塊錢]}", said)) == [(13.0, 19.0)]
    assert times(fire("text: {any: [{regex: 請退}]}", said)) == [(10.0, 12.0)]
    # Both texts have it: one place.
    assert times(fire("text: {any: [退我]}", said)) == [(11.0, 13.0)]


def test_words_that_do_not_add_up_to_the_text_give_the_segments_time():
    said = say(CUSTOMER, 10.0, "我要退款")._replace(words='[{"word": "我", "start_s": 1}]')
    assert times(fire("text: {any: [退款]}", said)) == [(10.0, 12.0)]
    assert times(fire("text: {any: [退款]}", said._replace(words="[]"))) == [(10.0, 12.0)]
    unaligned = say(CUSTOMER, 10.0, "20块钱", raw="二十块零钱")
    assert times(fire("text: {any: [20块钱]}", unaligned)) == [(10.0, 12.5)]


def test_words_lie_inside_their_segment_and_take_some_time():
    early = [
        {"word": "退", "start_s": 9.0, "end_s": 9.0},
        {"word": "款", "start_s": 9, "end_s": 13},
    ]
    said = say(CUSTOMER, 10.0, "退款", word_s=1.0)._replace(words=json.dumps(early))
    assert times(fire("text: {any: [退款]}", said)) == [(10.0, 12.0)]
    assert times(fire("text: {any: [退]}", said)) == [(10.0, 10.01)]


@pytest.mark.parametrize("channel", [AGENT, CUSTOMER])
def test_times_are_told_to_the_millisecond_however_late_in_the_call(channel: int):
    call = replace(CALL, duration_s=5 * 86_400.0)
    at_s = 4 * 86_400.123
    (alert,) = fire("text: {any: [退款]}", say(channel, at_s, "退款"), call=call)
    assert (alert.started_s, alert.ended_s) == (345600.492, 345601.492)
    (found,) = alert.evidence["found"]
    assert (found["start_s"], found["end_s"]) == (345600.492, 345601.492)


def test_a_phrase_is_not_put_together_from_two_segments():
    assert fire("text: {any: [退款]}", say(CUSTOMER, 1.0, "退"), say(CUSTOMER, 3.0, "款")) == []


def test_a_regex_sees_spaces_and_punctuation_and_never_two_segments():
    rules = r"text: {any: [{regex: '\brefund\b'}]}"
    assert fire(rules, say(CUSTOMER, 1.0, "A Refund, please"))
    assert not fire(rules, say(CUSTOMER, 1.0, "refunding"))
    across = "text: {any: [{regex: '退[^款]*款'}, {regex: '退\\s*款'}, {regex: '(?s)退.*款'}]}"
    assert not fire(across, say(CUSTOMER, 1.0, "退"), say(CUSTOMER, 3.0, "款"))
    assert times(fire("text: {any: [{regex: '^款'}]}", say(CUSTOMER, 1.0, "退款"))) == []
    assert times(fire("text: {any: [{regex: '投诉.{0,4}台'}]}", say(0, 1.0, "去投诉电视台啊"))) == [
        (1.5, 4.0)
    ]


def test_a_regex_that_backtracks_elsewhere_takes_linear_time():
    begin = time.process_time()
    fire("text: {any: [{regex: '(a+)+b'}]}", say(CUSTOMER, 1.0, "a" * 50_000, word_s=0.001))
    assert time.process_time() - begin < 5


def test_matches_within_keep_firing_sec_are_one_alert():
    said = [say(CUSTOMER, at_s, "退款") for at_s in (5.0, 12.0, 30.0)]
    assert times(fire("text: {any: [退款]}", *said)) == [(5.0, 6.0), (12.0, 13.0), (30.0, 31.0)]
    joined = fire("text: {any: [退款]}, keep_firing_sec: 6", *said)
    assert times(joined) == [(5.0, 13.0), (30.0, 31.0)]
    assert [match["start_s"] for match in joined[0].evidence["found"][0]["matches"]] == [5.0, 12.0]


def test_all_phrases_span_from_the_first_to_the_one_that_completes_them():
    said = [say(CUSTOMER, 5.0, "经理"), say(CUSTOMER, 20.0, "录音"), say(CUSTOMER, 30.0, "经理")]
    (alert,) = fire("text: {all: [录音, 经理]}", *said)
    assert (alert.started_s, alert.fired_at_s, alert.ended_s) == (5.0, 21.0, 21.0)
    assert fire("text: {all: [录音, 经理]}", *said[:1]) == []
    elsewhere = say(AGENT, 20.0, "录音")
    assert fire("text: {all: [录音, 经理]}", said[0], elsewhere) == []


def test_first_and_last_seconds_limit_where_a_phrase_counts():
    said = [say(AGENT, 19.5, "您好"), say(AGENT, 49.5, "再见")]
    assert times(fire("text: {any: [您好], first_sec: 20}", *said)) == [(19.5, 20.5)]
    assert fire("text: {any: [您好], first_sec: 19.5}", *said) == []
    assert times(fire("text: {any: [再见], last_sec: 10.5}", *said)) == [(49.5, 50.5)]
    assert fire("text: {any: [再见], last_sec: 10}", *said) == []


def test_absence_fires_at_the_end_of_its_window():
    rules = "text: {none: [您好, 你好], first_sec: 20}, role: agent"
    (alert,) = fire(rules, say(AGENT, 21.0, "您好"), say(CUSTOMER, 1.0, "您好"))
    assert (alert.channel, alert.started_s, alert.fired_at_s, alert.ended_s) == (0, 0.0, 20.0, 20.0)
    assert alert.evidence["found"][0]["not_said"] == ["您好", "你好"]
    assert fire(rules, say(AGENT, 19.9, "你好")) == []
    last = "text: {none: [再见], last_sec: 20}, role: agent"
    assert times(fire(last, say(AGENT, 30.0, "再见"))) == [(40.0, 60.0)]


def test_absence_on_a_silent_channel_fires_and_short_calls_end_the_window():
    rules = "text: {none: [您好], first_sec: 20}, role: agent"
    assert times(fire(rules)) == [(0.0, 20.0)]
    assert times(fire(rules, call=replace(CALL, duration_s=7.5))) == [(0.0, 7.5)]
    assert fire(rules, call=replace(CALL, roles=("mixed",))) == []
    assert fire(rules, call=replace(CALL, duration_s=0.0)) == []


# Sound.


def test_silence_on_all_channels_inside_the_call_is_one_alert():
    segments = [talk(AGENT, 2.0, 10.0), talk(CUSTOMER, 9.0, 20.0), talk(AGENT, 36.0, 50.0)]
    (alert,) = fire("acoustic: silence, duration_sec: 15", *segments)
    assert (alert.started_s, alert.fired_at_s, alert.ended_s) == (20.0, 35.0, 36.0)
    # Filed on the lowest channel of the rule's roles.
    assert (alert.channel, alert.role, alert.peak) == (0, "agent", 16.0)
    (other,) = fire("acoustic: silence, duration_sec: 15, role: customer", *segments)
    assert (other.channel, other.started_s) == (1, 20.0)
    assert times(fire("acoustic: silence, duration_sec: 10", *segments)) == [
        (20.0, 36.0),
        (50.0, 60.0),
    ]
    assert times(fire("acoustic: silence, duration_sec: 60")) == [(0.0, 60.0)]


def test_on_hold_with_music_is_no_silence():
    rules = rule_set("acoustic: silence, duration_sec: 15")
    held = CallAnnotations((), [talk(AGENT, 0.0, 10.0)], [Sound(12.0, 25.0), Sound(24.0, 40.0)])
    silent = CallAnnotations((), [talk(AGENT, 0.0, 10.0)])
    found = evaluate_calls(rules, [(CALL, silent), (CALL, held), (CALL, silent)])
    assert [times(alerts) for alerts in found] == [[(10.0, 60.0)], [(40.0, 60.0)], [(10.0, 60.0)]]


def test_short_speech_may_be_outlasted_by_silence():
    segments = [talk(AGENT, 0.0, 10.0), talk(AGENT, 30.0, 31.0), talk(AGENT, 33.0, 60.0)]
    keep = "acoustic: silence, duration_sec: 15, keep_firing_sec: 1"
    assert times(fire(keep, *segments)) == [(10.0, 33.0)]
    assert times(fire("acoustic: silence, duration_sec: 15", *segments)) == [(10.0, 30.0)]


def test_overlap_is_where_two_channels_speak_at_once():
    segments = [
        talk(AGENT, 0.0, 10.0),
        talk(AGENT, 10.0, 20.0),
        talk(CUSTOMER, 8.0, 13.0),
        talk(CUSTOMER, 19.5, 21.0),
    ]
    (alert,) = fire("acoustic: overlap, duration_sec: 1", *segments)
    assert (alert.started_s, alert.fired_at_s, alert.ended_s, alert.peak) == (8.0, 9.0, 13.0, 5.0)
    # Two parts of one channel that touch do not overlap.
    assert fire("acoustic: overlap, duration_sec: 0.001", *segments[:2]) == []
    one = replace(CALL, roles=("mixed",))
    assert fire("acoustic: overlap, duration_sec: 1", talk(0, 1, 9), call=one) == []


def test_what_is_found_in_one_call_of_a_batch_is_not_looked_for_in_another():
    """Sound that is heard with the other channels is laid on the call's first line."""
    overlap = [talk(AGENT, 0.0, 10.0), talk(CUSTOMER, 8.0, 13.0)]
    batch = [
        (replace(CALL, recording_id=f"r{n}"), CallAnnotations((), segments))
        for n, segments in enumerate([overlap, overlap[:1], overlap[1:], overlap])
    ]
    rules = rule_set("acoustic: overlap, duration_sec: 1", "acoustic: silence, duration_sec: 1")
    found = evaluate_calls(rules, batch)
    assert [[(a.rule, a.started_s, a.ended_s) for a in alerts] for alerts in found] == [
        [("a", 8.0, 10.0), ("b", 13.0, 60.0)],
        [("b", 10.0, 60.0)],
        [("b", 0.0, 8.0), ("b", 13.0, 60.0)],
        [("a", 8.0, 10.0), ("b", 13.0, 60.0)],
    ]
    assert [a.recording_id for a in found[3]] == ["r3", "r3"]


def test_a_rise_is_measured_against_the_channels_own_earlier_speech():
    quiet = [talk(CUSTOMER, 0.0, 4.0, -30.0), talk(CUSTOMER, 5.0, 7.0, -33.0)]
    loud = talk(CUSTOMER, 10.0, 12.0, -20.5)  # 10.5 dB above (4 x -30 + 2 x -33) / 6 = -31
    agent = talk(AGENT, 0.0, 10.0, -60.0)
    (alert,) = fire("acoustic: loudness_rise, rise_db: 10", *quiet, loud, agent)
    assert (alert.channel, alert.started_s, alert.ended_s) == (CUSTOMER, 10.0, 12.0)
    assert alert.peak == 10.5
    segments = alert.evidence["found"][0]["segments"]
    assert (segments["level_dbfs"], segments["rise_db"]) == ([-20.5], [10.5])
    assert fire("acoustic: loudness_rise, rise_db: 11", *quiet, loud) == []
    early = "acoustic: loudness_rise, rise_db: 10, baseline_sec: 6.5"
    assert fire(early, *quiet, loud) == []


def test_a_baseline_is_the_mean_over_time_to_the_hundredth_of_a_decibel():
    quiet = [talk(CUSTOMER, 0.0, 4.0, -30.0), talk(CUSTOMER, 5.0, 8.0, -33.01)]
    loud = talk(CUSTOMER, 10.0, 12.0, -21.3)  # (4 x -30 + 3 x -33.01) / 7 = -31.29
    (alert,) = fire("acoustic: loudness_rise, rise_db: 9.98", *quiet, loud)
    assert alert.peak == 9.99
    assert fire("acoustic: loudness_rise, rise_db: 10", *quiet, loud) == []


def test_evidence_lists_at_most_twenty_places_and_every_place_has_its_times():
    said = say(CUSTOMER, 0.0, "退款" * 25, word_s=0.5)
    (alert,) = fire("text: {any: [退款]}, keep_firing_sec: 1", said)
    (found,) = alert.evidence["found"]
    assert [place["start_s"] for place in found["matches"]] == [float(n) for n in range(20)]
    assert (alert.started_s, alert.ended_s) == (0.0, 25.0)
    apart = [say(CUSTOMER, 2.0 * n, "退款", word_s=0.25) for n in range(25)]
    rules = "all: [{text: {any: [退款]}}, {acoustic: silence, duration_sec: 1}], within_sec: 60"
    (alert,) = fire(rules, *apart)
    texts = [part for part in alert.evidence["found"] if part["condition"] == "text"]
    assert [part["start_s"] for part in texts] == [2.0 * n for n in range(20)]


def test_a_rise_must_last_as_long_as_it_is_asked_to():
    segments = [talk(0, 0.0, 6.0), talk(0, 6.5, 8.0, -15), talk(0, 8.5, 10.0, -15)]
    assert times(fire("acoustic: loudness_rise, rise_db: 8, duration_sec: 3", *segments)) == [
        (6.5, 10.0)
    ]
    gap = "acoustic: loudness_rise, rise_db: 8, duration_sec: 3, max_gap_sec: 0.4"
    assert fire(gap, *segments) == []


# Conditions in conditions.

ANGER = "{emotion: angry, threshold: 0.5, duration_sec: 2}"


def anger_at(start_s: float, channel: int = CUSTOMER):
    """Two angry seconds."""
    return make_track([(start_s, [0.9])], channel=channel)


def test_all_needs_every_member_within_its_seconds():
    rules = f"all: [{ANGER}, {{text: {{any: [退款]}}}}], within_sec: 5"
    (alert,) = fire(rules, say(CUSTOMER, 16.0, "退款"), tracks=[anger_at(10.0)])
    # From the first of them to the last; known when the last one had fired.
    assert (alert.started_s, alert.fired_at_s, alert.ended_s) == (10.0, 17.0, 17.0)
    assert [part["condition"] for part in alert.evidence["found"]] == ["emotion", "text"]
    # 5 s after the anger's end the words must have been said.
    assert fire(rules, say(CUSTOMER, 16.5, "退款"), tracks=[anger_at(10.0)]) == []
    (before,) = fire(rules, say(CUSTOMER, 6.0, "退款"), tracks=[anger_at(10.0)])
    assert (before.started_s, before.fired_at_s, before.ended_s) == (6.0, 12.0, 12.0)
    assert fire(rules, say(CUSTOMER, 5.9, "退款"), tracks=[anger_at(10.0)]) == []


def test_all_without_seconds_needs_members_at_the_same_time():
    rules = f"all: [{ANGER}, {{acoustic: overlap, duration_sec: 0.5}}]"
    both = [talk(AGENT, 11.0, 20.0), talk(CUSTOMER, 10.0, 12.0)]
    assert times(fire(rules, *both, tracks=[anger_at(10.0)])) == [(10.0, 12.0)]
    assert fire(rules, *both, tracks=[anger_at(5.0)]) == []


def test_members_are_evaluated_on_the_rules_channel_unless_they_name_a_role():
    words = "{text: {any: [闭嘴]}}"
    said = say(AGENT, 12.0, "闭嘴")
    own = f"all: [{ANGER}, {words}], within_sec: 5"
    assert fire(own, said, tracks=[anger_at(10.0)]) == []
    named = f"all: [{ANGER}, {{text: {{any: [闭嘴]}}, role: agent}}], within_sec: 5"
    (alert,) = fire(named, said, tracks=[anger_at(10.0)])
    assert (alert.channel, alert.role) == (CUSTOMER, "customer")
    assert alert.evidence["found"][1]["role"] == "agent"
    assert {part["channel"] for part in alert.evidence["said"]} == {AGENT}


def test_a_rule_of_named_roles_alone_is_evaluated_once_per_call():
    rules = (
        "all: [{text: {any: [退款]}, role: customer}, {text: {any: [没有]}, role: agent}], "
        "within_sec: 10"
    )
    (alert,) = fire(rules, say(CUSTOMER, 10.0, "退款"), say(AGENT, 12.0, "没有"))
    assert (alert.channel, alert.started_s, alert.ended_s) == (AGENT, 10.0, 13.0)


def test_any_is_satisfied_by_each_member_and_overlapping_ones_are_one_alert():
    rules = f"any: [{ANGER}, {{text: {{any: [退款]}}}}]"
    said = [say(CUSTOMER, 11.5, "退款"), say(CUSTOMER, 30.0, "退款")]
    alerts = fire(rules, *said, tracks=[anger_at(10.0)])
    assert times(alerts) == [(10.0, 12.5), (30.0, 31.0)]
    assert alerts[0].fired_at_s == 12.0


def test_not_takes_away_what_has_something_unwanted_near_it():
    sorry = "{text: {any: [抱歉]}, role: agent}"
    rules = f"all: [{ANGER}], not: {sorry}, within_sec: 5, role: customer"
    (alert,) = fire(rules, tracks=[anger_at(10.0)])
    # That nobody said sorry is known 5 s later.
    assert (alert.started_s, alert.ended_s, alert.fired_at_s) == (10.0, 12.0, 17.0)
    for at_s, fires in ((17.0, False), (17.1, True), (4.0, False), (3.9, True), (11.0, False)):
        assert bool(fire(rules, say(AGENT, at_s, "抱歉"), tracks=[anger_at(10.0)])) is fires
    assert fire(rules, say(CUSTOMER, 11.0, "抱歉"), tracks=[anger_at(10.0)])
    (late,) = fire(rules, tracks=[anger_at(57.0)])
    assert late.fired_at_s == 60.0


def test_intervals_of_one_member_are_not_joined_by_within_sec():
    rules = f"all: [{ANGER}], not: [{{text: {{any: [抱歉]}}}}], within_sec: 10"
    tracks = [make_track([(10.0, [0.9]), (16.0, [0.9])])]
    assert times(fire(rules, tracks=tracks)) == [(10.0, 12.0), (16.0, 18.0)]


def test_conditions_nest():
    rules = (
        f"all: [{{any: [{ANGER}, {{acoustic: overlap, duration_sec: 1}}]}}, "
        "{text: {any: [退款]}}], within_sec: 5, keep_firing_sec: 20, role: customer"
    )
    segments = [say(CUSTOMER, 13.0, "退款"), talk(AGENT, 30, 33), say(CUSTOMER, 30.0, "退款退款")]
    assert times(fire(rules, *segments, tracks=[anger_at(10.0)])) == [(10.0, 32.0)]


# Inhibition.


def test_a_firing_rule_inhibits_the_ones_it_names_in_the_same_call():
    rules = rule_set(
        "text: {any: [退款]}, inhibits: [b], inhibits_within_sec: 5", "text: {any: [投诉]}"
    )
    strong = say(CUSTOMER, 10.0, "退款")
    for at_s, inhibited in ((10.5, True), (16.0, True), (16.1, False), (4.0, True), (3.9, False)):
        a, b = sorted(fire(rules, strong, say(AGENT, at_s, "投诉")), key=lambda alert: alert.rule)
        assert a.inhibited_by is None
        assert b.inhibited_by == (a.alert_id if inhibited else None)


def test_what_is_not_delivered_itself_inhibits_nothing():
    said = say(CUSTOMER, 10.0, "退款")
    refund = "text: {any: [退款]}"
    chain = rule_set(f"{refund}, inhibits: [b]", f"{refund}, inhibits: [c]", refund)
    a, b, c = fire(chain, said)
    assert (a.inhibited_by, b.inhibited_by, c.inhibited_by) == (None, a.alert_id, None)
    shadow = rule_set(f"{refund}, inhibits: [b], enabled: shadow", refund)
    assert [alert.inhibited_by for alert in fire(shadow, said)] == [None, None]


def spoken(channel: int, start_s: float, end_s: float, first_s: float, last_s: float):
    """A segment in which one word is said from `first_s` to `last_s`."""
    words = json.dumps([{"word": "好", "start_s": first_s, "end_s": last_s}])
    return talk(channel, start_s, end_s)._replace(
        text="好", text_raw="好", words=words, language="zh", level_dbfs=-20.0
    )


def test_segments_that_overlap_behind_their_last_word_are_no_overlap():
    apart = [spoken(AGENT, 0.0, 10.0, 0.0, 9.0), spoken(CUSTOMER, 9.2, 20.0, 9.2, 19.0)]
    assert fire("acoustic: overlap, duration_sec: 0.1", *apart) == []
    over = [spoken(AGENT, 0.0, 10.0, 0.0, 9.0), spoken(CUSTOMER, 8.0, 20.0, 8.0, 19.0)]
    (alert,) = fire("acoustic: overlap, duration_sec: 0.5", *over)
    assert (alert.started_s, alert.ended_s) == (8.0, 9.0)


def test_silence_begins_with_the_last_word_and_needs_speech_without_words_to_be_quiet():
    call = [spoken(AGENT, 0.0, 10.0, 0.0, 9.0), spoken(CUSTOMER, 40.0, 60.0, 41.0, 60.0)]
    (alert,) = fire("acoustic: silence, duration_sec: 15", *call)
    assert (alert.started_s, alert.ended_s) == (9.0, 41.0)
    unrecognised = call[0]._replace(start_s=20.0, end_s=22.0, text="", text_raw="", words="[]")
    rules = "acoustic: silence, duration_sec: 15"
    assert times(fire(rules, *call, unrecognised)) == [(22.0, 41.0)]
    assert times(fire(rules, *call, unrecognised._replace(level_dbfs=-40.0))) == [(9.0, 41.0)]
