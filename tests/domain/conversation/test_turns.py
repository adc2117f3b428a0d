"""Who takes a turn, who only nods, who interrupts: hand-made conversations with their answers."""

from __future__ import annotations

from callqa_assets.domain.conversation.spans import Span
from callqa_assets.domain.conversation.turns import (
    Interruptions,
    count_interruptions,
    find_speakers,
    overlaps,
)


def said(start_ms: int, end_ms: int, units: int = 10) -> Span:
    return Span(start_ms, end_ms, units, 0)


def times(turns) -> list[tuple[int, int]]:
    return [(turn.start_ms, turn.end_ms) for turn in turns]


def test_a_turn_goes_on_through_pauses_of_two_seconds_and_ends_where_the_other_speaks():
    agent, customer = find_speakers(
        [said(0, 1000), said(3000, 4000), said(6001, 7000), said(9000, 9900)],
        [said(8000, 8500)],
    )
    # 2.0 s of pause joins, 2.001 s does not; the customer's words part the last two.
    assert times(agent.turns) == [(0, 4000), (6001, 7000), (9000, 9900)]
    assert times(customer.turns) == [(8000, 8500)]
    assert agent.backchannels == customer.backchannels == []


def test_a_nod_inside_the_others_turn_ends_no_turn():
    agent, customer = find_speakers([said(0, 2000), said(2600, 5000)], [said(1900, 2500, units=1)])
    assert times(agent.turns) == [(0, 5000)]
    assert times(customer.backchannels) == [(1900, 2500)]
    assert customer.turns == []


def test_a_short_answer_after_the_others_turn_is_a_turn():
    # It begins when the agent has paused, inside what would else be one turn of the agent.
    _, customer = find_speakers([said(0, 2000), said(2600, 5000)], [said(2000, 2500, units=1)])
    assert customer.turns == []
    assert times(customer.backchannels) == [(2000, 2500)]
    _, customer = find_speakers([said(0, 2000)], [said(2000, 2500, units=1)])
    assert times(customer.turns) == [(2000, 2500)]
    assert customer.backchannels == []


def test_four_characters_or_more_than_a_second_are_no_nod():
    for long in (said(1000, 1900, units=4), said(1000, 2001, units=1)):
        _, customer = find_speakers([said(0, 5000)], [long])
        assert (len(customer.turns), len(customer.backchannels)) == (1, 0)


def test_two_words_are_a_nod_and_three_are_none():
    for words, nods in ((2, 1), (3, 0)):
        _, customer = find_speakers([said(0, 5000)], [Span(1000, 1900, 0, words)])
        assert len(customer.backchannels) == nods


def interruptions(agent: list[Span], customer: list[Span]) -> Interruptions:
    one, other = find_speakers(agent, customer)
    return count_interruptions(one.turns, other.turns)


def test_an_interruption_cuts_into_a_turn_and_is_yielded_to_or_talks_over_it():
    # The customer stops 0.8 s after the agent began.
    assert interruptions([said(3000, 6000)], [said(0, 3800)]) == (1, 1)
    # The customer goes on; both speak for 0.5 s or more.
    assert interruptions([said(3000, 4000)], [said(0, 9000)]) == (1, 0)
    # … for less.
    assert interruptions([said(3000, 3499, units=4)], [said(0, 9000)]) == (0, 0)


def test_what_is_no_interruption():
    # After 0.4 s of the other's turn; 0.2 s before its end; too short; after it.
    assert interruptions([said(400, 6000)], [said(0, 3000)]) == (0, 0)
    assert interruptions([said(2800, 6000)], [said(0, 3000)]) == (0, 0)
    assert interruptions([said(2000, 3200, units=3)], [said(0, 3000)]) == (0, 0)
    assert interruptions([said(3000, 6000)], [said(0, 3000)]) == (0, 0)


def test_overlaps_are_where_both_speak():
    first, second = [said(0, 1000), said(2000, 4000)], [said(900, 2100), said(3000, 5000)]
    assert overlaps(first, second) == overlaps(second, first) == [100, 100, 1000]
    assert overlaps(first, []) == []
