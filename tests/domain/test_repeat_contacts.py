"""A repeat is a later call about the same; chains lead back to the first call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from callqa_assets.domain.repeat_contacts import Contact, find_chains, find_repeated, find_repeats

FIRST = datetime(2025, 3, 1, 2, tzinfo=UTC)


def contact(call: str, day: int, *topics: str, customer: str = "c", hour: int = 0) -> Contact:
    """A call on a day of March; a topic that is named twice is spoken of twice."""
    return Contact(
        call,
        customer,
        f"2025-03-{day:02}",
        FIRST + timedelta(days=day - 1, hours=hour),
        {topic: topics.count(topic) for topic in topics},
    )


def repeats(*contacts: Contact) -> dict[str, tuple[str, str]]:
    return {call: (found.of.call, found.topic) for call, found in find_repeats(contacts).items()}


def chains(*contacts: Contact) -> dict[str, str]:
    found = find_chains(contacts, find_repeats(contacts))
    return {call: "".join(chain) for call, chain in found.items()}


def test_a_call_about_the_same_within_seven_days_is_a_repeat():
    assert repeats(contact("a", 1, "refund"), contact("b", 8, "refund")) == {"b": ("a", "refund")}
    assert repeats(contact("a", 1, "refund"), contact("b", 9, "refund")) == {}


def test_another_topic_or_another_customer_is_no_repeat():
    assert repeats(contact("a", 1, "refund"), contact("b", 2, "card")) == {}
    assert repeats(contact("a", 1, "refund"), contact("b", 2, "refund", customer="d")) == {}


def test_the_latest_call_about_the_same_is_repeated_not_one_between():
    calls = contact("a", 1, "refund"), contact("b", 2, "card"), contact("c", 3, "refund")
    assert repeats(*calls) == {"c": ("a", "refund")}
    later = contact("d", 4, "refund", "card")
    assert repeats(*calls, later)["d"] == ("c", "refund")


def test_the_order_on_a_day_is_that_of_the_clock():
    calls = contact("b", 1, "refund", hour=1), contact("a", 1, "refund", hour=2)
    assert repeats(*calls) == {"a": ("b", "refund")}


def test_the_topic_that_the_later_call_speaks_of_most_is_named():
    first = contact("a", 1, "card", "refund", "refund")
    assert repeats(first, contact("b", 2, "refund", "card", "card"))["b"] == ("a", "card")
    assert repeats(first, contact("b", 2, "refund", "card"))["b"] == ("a", "card")


def test_a_call_is_repeated_also_where_the_next_one_repeats_another():
    calls = contact("a", 1, "refund"), contact("b", 2, "card"), contact("c", 3, "card", "refund")
    assert repeats(*calls)["c"] == ("b", "card")
    assert find_repeated(calls) == {"a", "b"}
    assert find_repeated([contact("a", 1, "refund"), contact("b", 9, "refund")]) == set()


def test_chains_go_on_beyond_the_window_of_a_repeat():
    calls = [contact(call, day, "refund") for call, day in (("a", 1), ("b", 7), ("c", 13))]
    assert chains(*calls) == dict.fromkeys("abc", "abc")
    assert chains(*calls, contact("d", 21, "refund"))["d"] == "d"


def test_two_calls_that_follow_the_same_one_are_of_its_chain():
    first = contact("a", 1, "refund", "card")
    calls = first, contact("b", 2, "refund"), contact("c", 3, "card")
    assert chains(*calls) == dict.fromkeys("abc", "abc")
