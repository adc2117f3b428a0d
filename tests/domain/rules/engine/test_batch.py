"""Properties over random calls and rules of every kind: batches, order, ids."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.alerts.identity import carry_ids
from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    ChannelTrack,
)
from callqa_assets.domain.rules.engine.evaluate import evaluate, evaluate_calls
from callqa_assets.domain.rules.rule_set import load_rules
from callqa_assets.domain.text.spoken_text import SpokenSegment
from tests.domain.rules.engine.test_evaluate import make_track, stored
from tests.domain.rules.engine.test_find import say

Call = tuple[CallContext, CallAnnotations]

RULES = load_rules(
    """
rules:
- {name: anger, emotion: angry, threshold: 0.5, threshold_off: 0.3, duration_sec: 2,
   keep_firing_sec: 0.5, inhibits: [words, silence], inhibits_within_sec: 2}
- {name: sum, combination: [angry, unknown, sad], min_sum: 0.9, floors: {angry: 0.35},
   duration_sec: 1.1, max_gap_sec: 0.3}
- {name: words, text: {any: [退款, {regex: '投.'}]}, keep_firing_sec: 3}
- {name: both words, text: {all: [退款, 您好]}, role: customer}
- {name: greeting, text: {none: [您好], first_sec: 5}, role: agent, enabled: shadow}
- {name: farewell, text: {none: [{regex: 您好}], last_sec: 5}}
- {name: silence, acoustic: silence, duration_sec: 1.3}
- {name: overlap, acoustic: overlap, duration_sec: 0.4, keep_firing_sec: 1}
- {name: rise, acoustic: loudness_rise, rise_db: 3.3, baseline_sec: 1.7, role: customer}
- name: anger and words
  all: [{emotion: angry, threshold: 0.4, duration_sec: 0.3}, {text: {any: 退款}, role: customer}]
  within_sec: 3.1
- name: unanswered
  any: [{acoustic: loudness_rise, rise_db: 2.1, baseline_sec: 1.0},
        {all: [{emotion: angry, threshold: 0.6}, {acoustic: overlap, duration_sec: 0.1}]}]
  not: {text: {any: 您好}, role: agent}
  within_sec: 2.2
  keep_firing_sec: 0.7
- {name: evening, emotion: angry, threshold: 0.3, when: {hour: 18-23, line: vip}}
""",
    source="test",
)

# Sixths and sevenths: sums of such times are rounded, unlike those of quarters.
gaps_s = st.sampled_from([0.0, 1 / 7, 0.3, 2 / 3, 1.5, 4.0])
texts = st.sampled_from(["退款", "我要退款", "您好", "投诉", "嗯", ""])
levels = st.sampled_from([0.0, 0.3, 0.35, 0.45, 0.5, 0.61, 0.9, math.nan])


@st.composite
def calls(draw: st.DrawFn, number: int) -> Call:
    roles = draw(st.sampled_from([("agent", "customer"), ("mixed",), ("customer", "agent", "x")]))
    segments: list[SpokenSegment] = []
    tracks: list[ChannelTrack] = []
    end_s = 0.0
    for channel in range(len(roles)):
        at_s = 0.0
        windows: list[tuple[float, list[float]]] = []
        for _ in range(draw(st.integers(0, 4))):
            at_s += draw(gaps_s)
            values = draw(st.lists(levels, min_size=1, max_size=6))
            length_s = 1.75 + 0.25 * len(values)
            text = draw(texts)
            said = say(channel, at_s, text, word_s=length_s / max(len(text), 1))
            level_dbfs = draw(st.sampled_from([-30.0, -33.37, -28.1, -26.61]))
            segments.append(said._replace(end_s=at_s + length_s, level_dbfs=level_dbfs))
            windows.append((at_s, values))
            at_s += length_s
        if windows:
            tracks.append(make_track(windows, channel=channel))
        end_s = max(end_s, at_s)
    context = CallContext(
        f"r{number}",
        end_s + draw(gaps_s),
        roles,
        CallFacts(line=draw(st.sampled_from([None, "vip"]))),
        hour=draw(st.sampled_from([None, 9, 20])),
    )
    return context, CallAnnotations(tracks, segments)


@st.composite
def batches(draw: st.DrawFn) -> list[Call]:
    return [draw(calls(number)) for number in range(draw(st.integers(0, 4)))]


@given(batches())
@settings(max_examples=60, deadline=None)
def test_a_call_gives_the_same_alerts_whatever_else_is_in_its_batch(batch: list[Call]):
    alone = [evaluate(RULES, call, annotations) for call, annotations in batch]
    assert evaluate_calls(RULES, batch) == alone
    assert evaluate_calls(RULES, batch[::-1]) == alone[::-1]


@given(calls(0), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_splitting_tracks_at_any_silence_and_any_order_change_nothing(call: Call, random: Random):
    context, annotations = call
    parts = [
        ChannelTrack(
            track.channel,
            track.segment_no[track.segment_no == number],
            track.start_s[track.segment_no == number],
            track.end_s[track.segment_no == number],
            track.posteriors[track.segment_no == number],
        )
        for track in annotations.tracks
        for number in np.unique(track.segment_no)
    ]
    segments = list(annotations.segments)
    random.shuffle(parts)
    random.shuffle(segments)
    assert evaluate(RULES, context, CallAnnotations(parts, segments)) == evaluate(
        RULES, context, annotations
    )


@given(calls(0))
@settings(max_examples=50, deadline=None)
def test_alerts_of_a_rule_on_a_channel_are_apart_inside_the_call_and_keep_their_ids(call: Call):
    context, annotations = call
    alerts = evaluate(RULES, context, annotations)
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    last: dict[tuple[str, int], float] = {}
    for alert in alerts:
        subject = (alert.rule, alert.channel)
        assert alert.started_s > last.get(subject, -1.0)
        assert 0 <= alert.started_s < alert.ended_s <= context.duration_s + 0.001
        assert alert.started_s <= alert.fired_at_s <= context.duration_s + 0.001
        assert alert.evidence["found"]
        last[subject] = alert.ended_s
    assert carry_ids(alerts, [stored(alert) for alert in alerts]) == (alerts, set())
    standing = {alert.alert_id for alert in alerts if alert.inhibited_by is None}
    assert {alert.inhibited_by for alert in alerts} - {None} <= standing


@given(calls(0))
@settings(max_examples=50, deadline=None)
def test_missing_windows_satisfy_no_condition_on_emotions(call: Call):
    context, annotations = call
    lost = [
        ChannelTrack(
            t.channel, t.segment_no, t.start_s, t.end_s, np.full_like(t.posteriors, np.nan)
        )
        for t in annotations.tracks
    ]
    nothing = evaluate(RULES, context, CallAnnotations((), annotations.segments))
    assert evaluate(RULES, context, CallAnnotations(lost, annotations.segments)) == nothing
