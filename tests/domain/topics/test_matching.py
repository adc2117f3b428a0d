"""Where topics are found in segments, and where a negation takes a match away."""

from __future__ import annotations

import pytest

from callqa_assets.domain.text.spoken_text import SpokenSegment, SpokenText
from callqa_assets.domain.topics.matching import find_topics
from callqa_assets.domain.topics.topic_set import load_topics

REFUNDS = "topics: [{name: t, any: [退费, refund], unless: [{regex: '(不用|不要).{0,2}退费'}]}]"


def find(*texts: str, topics: str = REFUNDS, roles: str = "customer") -> list[tuple[int, str]]:
    segments = [SpokenSegment(0, 30.0 * n, 30.0 * n + 9, text=t, text_raw=t, role=roles)
                for n, t in enumerate(texts)]  # fmt: skip
    found = find_topics(
        load_topics(topics, source="t"), SpokenText(segments), [None] * len(segments)
    )
    return [(hit.segment, hit.text) for hit in found]


@pytest.mark.parametrize(
    ("said", "hits"),
    [
        ("我要退费", 1),
        ("我要退，费", 1),  # punctuation is the recogniser's guess
        ("ＲＥＦＵＮＤ please", 1),
        ("不用退费", 0),
        ("不用给我退费", 0),
        ("不用，我要退费", 1),  # three signs between: another clause
        ("不用退费，我不是说了吗，退费", 1),
        ("退钱", 0),
        ("", 0),
    ],
)
def test_what_is_a_hit(said, hits):
    # Words without times: only which letters a match covers tells the two 退费 apart.
    assert len(find(said)) == hits


def test_a_match_does_not_go_on_in_the_next_segment():
    assert find("我要退", "费") == []


def test_a_topic_without_a_role_is_found_on_channels_whose_role_is_not_known():
    assert find("退费", roles="channel_0") == [(0, "退费")]
    of_customers = REFUNDS.replace("name: t", "name: t, role: customer")
    assert find("退费", topics=of_customers, roles="channel_0") == []


def test_two_topics_may_be_found_in_the_same_words():
    topics = "topics: [{name: a, any: [退费]}, {name: b, any: [要退费]}]"
    assert find("我要退费", topics=topics) == [(0, "退费"), (0, "要退费")]
