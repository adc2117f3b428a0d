"""Points of a topic: what agents have to say, found where they say it, and no part of the topic."""

from __future__ import annotations

import pytest

from callqa_assets.domain.text.spoken_text import SpokenSegment, SpokenText
from callqa_assets.domain.topics.matching import find_points, find_topics
from callqa_assets.domain.topics.topic_set import TopicsError, load_topics

TEXT = """
topics:
  - name: 退费
    any: [退费]
    points:
      - {name: 到账时间, any: [工作日, {regex: '[0-9]+天内'}]}
      - {name: 手续费, any: [手续费]}
"""


def spoken(*texts: str) -> SpokenText:
    return SpokenText(
        [SpokenSegment(0, 10.0 * n, 10.0 * n + 5, text=t, text_raw=t) for n, t in enumerate(texts)]
    )


def test_points_are_found_with_their_topic_and_segment():
    found = find_points(load_topics(TEXT, source="t"), spoken("三个工作日", "3天内不收手续费"))
    assert [(made.topic, made.point, made.segment) for made in found] == [
        ("退费", "到账时间", 0),
        ("退费", "到账时间", 1),
        ("退费", "手续费", 1),
    ]


def test_a_point_does_not_make_a_call_one_on_the_topic():
    assert find_topics(load_topics(TEXT, source="t"), spoken("不收手续费"), [None]) == []


def test_changed_points_leave_the_search_for_the_topic_as_it_was():
    (topic,) = load_topics(TEXT, source="t").topics
    (changed,) = load_topics(TEXT.replace("工作日", "到账"), source="t").topics
    assert changed.search == topic.search


def test_two_points_of_one_name_are_told_with_their_line():
    with pytest.raises(TopicsError, match=r"line 7, topic '退费': .*also called '到账时间'"):
        load_topics(TEXT.replace("name: 手续费", "name: 到账时间"), source="topics.yaml")


def test_an_unknown_key_of_a_point_is_told():
    with pytest.raises(TopicsError, match="unknown key"):
        load_topics(TEXT.replace("{name: 手续费,", "{name: 手续费, role: agent,"), source="t")
