"""The metrics of a hand-made call, with the answers written from the definitions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.conversation.metrics import (
    Call,
    EmotionSpan,
    MetricSettings,
    Stretch,
    measure,
)
from tests.domain.conversation.test_spans import segment

SETTINGS = MetricSettings()
AGENT, CUSTOMER = 0, 1

CALL = Call(
    roles={AGENT: "agent", CUSTOMER: "customer"},
    duration_s=40.0,
    segments=[
        # Agent: 2–6 s, eight characters; customer: 7–12 s, ten; the agent cuts in at 11 s.
        segment(1.8, 6.8, (2.0, 6.0, "您好请问需要什么"), channel=AGENT),
        segment(6.9, 12.7, (7.0, 12.0, "我上个月交的钱要退费"), channel=CUSTOMER),
        segment(11.0, 14.7, (11.0, 14.0, "好的我帮您查询"), channel=AGENT),
        # A nod, then 8 s of silence, then the customer thanks and the agent ends the call.
        segment(12.5, 13.4, (12.6, 13.0, "嗯"), channel=CUSTOMER),
        segment(22.0, 26.7, (22.0, 26.0, "谢谢你了再见"), channel=CUSTOMER),
        segment(27.0, 31.0, (27.5, 30.0, "感谢您的来电"), channel=AGENT),
        segment(32.0, 33.5, channel=AGENT),
    ],
    emotions=[
        EmotionSpan(AGENT, 2.0, 6.0, "neutral", 0.8),
        EmotionSpan(CUSTOMER, 7.0, 9.0, "neutral", 0.7),
        EmotionSpan(CUSTOMER, 9.0, 12.0, "angry", 0.8),
        EmotionSpan(CUSTOMER, 22.0, 24.0, "angry", 0.65),
        EmotionSpan(CUSTOMER, 24.0, 26.0, "unknown", 0.3),
    ],
)


def test_the_call_as_a_whole():
    row = measure(CALL, SETTINGS).call
    assert (row["conversation_start_s"], row["conversation_end_s"]) == (2.0, 30.0)
    assert (row["conversation_s"], row["lead_silence_s"], row["tail_silence_s"]) == (
        28.0,
        2.0,
        10.0,
    )
    # Gaps: 6–7, 14–22, 26–27.5 s.
    assert (row["silence_s"], row["longest_silence_s"]) == (10.5, 8.0)
    assert (row["silence_over_3s_s"], row["silence_over_5s_s"]) == (8.0, 8.0)
    assert row["silences_over_3s"] == 1
    # Both speak at 11–12 s, and at 12.6–13 s while the customer nods.
    assert (row["overlap_s"], row["overlap_share"]) == (1.4, 0.05)
    # Agent 4 + 3 + 2.5 s, customer 5 + 0.4 + 4 s.
    assert row["talk_balance"] == round(9.5 / 18.9, 4)
    assert row["unheard_s"] == 1.5
    assert row["turns"] == 5
    # The agent's turns follow the customer's at 12 → 11 s and 26 → 27.5 s.
    assert (row["response_delays"], row["response_delay_median_s"]) == (2, 0.25)
    assert row["response_delay_p90_s"] == 1.25
    # Of the last 20 s of the customer's speech all 9 s count: 2 neutral, 5 angry, 2 unknown.
    assert (row["final_emotion"], row["final_negative_share"]) == ("angry", round(5 / 7, 4))
    assert (row["music_s"], row["hold_s"], row["time_basis"]) == (0.0, None, "words")


def test_each_channel():
    agent, customer = measure(CALL, SETTINGS).channels
    assert (agent["talk_s"], agent["talk_share"], agent["turns"]) == (9.5, round(9.5 / 28, 4), 3)
    assert (customer["talk_s"], customer["turns"], customer["backchannels"]) == (9.4, 2, 1)
    # 8, 7 and 6 characters in 4, 3 and 2.5 s: 120, 140 and 144 a minute.
    assert (agent["chars"], agent["chars_per_min_median"]) == (21, 140.0)
    assert agent["chars_per_min_p90"] == 143.2
    assert (customer["chars"], customer["chars_per_min_median"]) == (16, 105.0)
    # The agent began 1 s before the customer's end, who stopped: an interruption, yielded.
    assert (agent["interruptions"], agent["interruptions_yielded"]) == (1, 1)
    assert (customer["interruptions"], agent["overlaps_over_300ms"]) == (0, 1)
    assert customer["overlaps_over_300ms"] == 1
    assert agent["interruptions_per_10min"] == round(10 / (9.4 / 60), 2)
    assert (customer["labelled_s"], customer["negative_s"]) == (7.0, 5.0)
    assert (agent["negative_share"], customer["negative_share"]) == (0.0, round(5 / 7, 4))


def test_quarters_have_the_same_borders_on_both_channels():
    quarters = measure(CALL, SETTINGS).quarters
    borders = [(2.0, 9.0), (9.0, 16.0), (16.0, 23.0), (23.0, 30.0)]
    for channel in (AGENT, CUSTOMER):
        own = [q for q in quarters if q["channel"] == channel]
        assert [(q["start_s"], q["end_s"]) for q in own] == borders
    customer = [q for q in quarters if q["channel"] == CUSTOMER]
    assert [q["labelled_s"] for q in customer] == [2.0, 3.0, 1.0, 1.0]
    # Under 3 s of labelled speech a share is not known, and neither is a trend.
    assert [q["negative_share"] for q in customer] == [None, 1.0, None, None]
    assert measure(CALL, SETTINGS).channels[CUSTOMER]["trend"] is None


def test_polite_words_in_an_angry_voice_are_a_conflict():
    (conflict,) = measure(CALL, SETTINGS).conflicts
    assert (conflict["channel"], conflict["phrase"], conflict["posterior"]) == (1, "谢谢", 0.65)
    assert (conflict["start_s"], conflict["end_s"]) == (22.0, 24.0)
    unsure = [replace_posterior(span, 0.59) for span in CALL.emotions]
    assert measure(replace(CALL, emotions=unsure), SETTINGS).conflicts == []


def replace_posterior(span: EmotionSpan, confidence: float) -> EmotionSpan:
    return span._replace(confidence=confidence)


def test_holds_are_no_silence_and_music_is_told():
    held = replace(CALL, holds=[Stretch(15.0, 20.0)], music=[Stretch(13.0, 17.0)])
    row = measure(held, SETTINGS).call
    # The silence of 14–22 s is 14–15 and 20–22 s.
    assert (row["silence_s"], row["hold_s"], row["silence_over_3s_s"]) == (5.5, 5.0, 0.0)
    assert row["music_s"] == 1.0
    assert measure(replace(CALL, holds=[]), SETTINGS).call["hold_s"] == 0.0


@pytest.mark.parametrize("roles", [{0: "mixed"}, {0: "channel_0", 1: "channel_1"}])
def test_what_cannot_be_known_is_none(roles):
    metrics = measure(replace(CALL, roles=roles), SETTINGS)
    for name in ("overlap_s", "overlap_share", "talk_balance", "response_delays"):
        assert metrics.call[name] is None
    for row in metrics.channels:
        for name in ("interruptions", "interruptions_yielded", "backchannels"):
            assert row[name] is None


def test_a_call_in_which_nobody_speaks():
    metrics = measure(replace(CALL, segments=[], emotions=[]), SETTINGS)
    assert (metrics.call["conversation_s"], metrics.call["turns"]) == (0.0, 0)
    assert metrics.call["conversation_start_s"] is None
    assert metrics.call["silence_s"] is None
    assert [row["talk_s"] for row in metrics.channels] == [0.0, 0.0]
    assert metrics.quarters == []


words = st.lists(
    st.tuples(st.sampled_from([AGENT, CUSTOMER]), st.integers(0, 50_000), st.integers(0, 4_000)),
    max_size=30,
)


@given(words, st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 9_000)), max_size=3))
def test_talk_silence_overlap_and_holds_add_up_to_the_conversation(words, holds):
    call = Call(
        roles={AGENT: "agent", CUSTOMER: "customer"},
        duration_s=60.0,
        segments=[
            segment(0.0, 60.0, (start / 1000, (start + length) / 1000, "好"), channel=channel)
            for channel, start, length in words
        ],
        holds=[Stretch(start / 1000, (start + length) / 1000) for start, length in holds],
    )
    metrics = measure(call, SETTINGS)
    row = metrics.call
    talk = sum(channel["talk_s"] for channel in metrics.channels)
    total = talk - row["overlap_s"] + (row["silence_s"] or 0) + (row["hold_s"] or 0)
    assert round(total * 1000) == round(row["conversation_s"] * 1000)
