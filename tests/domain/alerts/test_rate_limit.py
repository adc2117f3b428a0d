"""The limit holds at the receiver: in each of its periods, however long answers take."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from callqa_assets.domain.alerts.rate_limit import (
    Limit,
    count_tokens,
    next_token_at,
    still_counting,
)

TEN_A_SECOND = (Limit(messages=10, per_sec=1),)


def test_tokens_come_back_one_period_after_their_message_was_certainly_sent():
    sent = {"a": 100.0, "b": 100.5}
    two = (Limit(messages=2, per_sec=10),)
    assert count_tokens(two, sent, 101.0) == 0
    assert 110.0 < next_token_at(two, sent, 101.0) < 110.5
    assert count_tokens(two, sent, 110.3) == 1
    assert next_token_at(two, sent, 110.3) == 110.3
    assert still_counting(two, sent, 110.3) == {"b": 100.5}


def test_a_token_is_back_exactly_when_its_period_is_over_and_not_before():
    limit = Limit(messages=1, per_sec=10)
    over_at = 100.0 + limit.period_s
    before = math.nextafter(over_at, 0)
    sent = {"a": 100.0}
    assert limit.period_s == pytest.approx(10.2)
    assert (count_tokens((limit,), sent, before), count_tokens((limit,), sent, over_at)) == (0, 1)
    assert next_token_at((limit,), sent, before) == over_at
    assert still_counting((limit,), sent, before) == sent
    assert still_counting((limit,), sent, over_at) == {}


def test_the_next_token_is_the_one_that_frees_a_place_and_there_are_never_less_than_none():
    two = (Limit(messages=2, per_sec=10),)
    sent = {"c": 103.0, "a": 101.0, "b": 102.0}
    assert next_token_at(two, sent, 104.0) == pytest.approx(102.0 + 10.2)
    assert count_tokens(two, sent, 104.0) == 0
    assert next_token_at(two, {"a": 101.0}, 104.0) == 104.0


def test_a_limit_lets_something_through_and_ends_within_a_day():
    for limits in ({"messages": 1, "per_sec": 0.1}, {"messages": 10_000, "per_sec": 86_400}):
        assert Limit(**limits)
    for wrong in ({"messages": 0}, {"messages": 10_001}, {"per_sec": 0}, {"per_sec": 86_401}):
        with pytest.raises(ValidationError):
            Limit(**{"messages": 1, "per_sec": 1, **wrong})


def test_every_limit_holds():
    both = (Limit(messages=100, per_sec=60), Limit(messages=5, per_sec=1))
    sent = {str(n): 100.0 for n in range(5)}
    assert count_tokens(both, sent, 100.1) == 0
    assert 101.0 < next_token_at(both, sent, 100.1) < 101.1
    assert count_tokens(both, {str(n): 100.0 for n in range(98)}, 102.0) == 2


def test_an_attempt_without_an_answer_holds_its_token_until_it_is_certainly_over():
    one = (Limit(messages=1, per_sec=10),)
    over_at = 165.0
    assert count_tokens(one, {"killed": over_at}, 174.0) == 0
    assert count_tokens(one, {"killed": over_at}, 175.3) == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.floats(0.5, 20))
def test_no_period_of_the_receiver_holds_more_than_the_limit(seed, messages, per_sec):
    """Answers take any time; a message arrives at any moment between request and answer."""
    rng = random.Random(seed)  # noqa: S311
    limits = (Limit(messages=messages, per_sec=per_sec),)
    now, sent, arrivals = 0.0, {}, []
    for number in range(60):
        now = next_token_at(limits, sent, now)
        assert count_tokens(limits, sent, now) >= 1
        answered = now + rng.choice([0.0, 0.01, 0.3, 2.0, 3 * per_sec]) * rng.random()
        arrivals.append(rng.uniform(now, answered))
        sent = {**still_counting(limits, sent, now), str(number): answered}
        now = answered
    arrivals.sort()
    for first, beyond in zip(arrivals, arrivals[messages:], strict=False):
        assert beyond - first > per_sec


def test_a_burst_of_the_whole_limit_is_allowed_at_once():
    sent: dict[str, float] = {}
    for number in range(10):
        assert count_tokens(TEN_A_SECOND, sent, 50.0) == 10 - number
        sent[str(number)] = 50.0
    assert count_tokens(TEN_A_SECOND, sent, 50.0) == 0
