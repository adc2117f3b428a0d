"""What a topics file may say, and what is said where it is wrong."""

from __future__ import annotations

import pytest

from callqa_assets.domain.topics.topic_set import TopicsError, is_sought_in, load_topics
from resources.storage.config_files import read_topics_file
from resources.storage.home import REPO


def load(text: str):
    return load_topics(text, source="topics.yaml")


def test_the_shipped_topics_have_names_in_both_languages_and_name_what_callers_ask():
    topics = read_topics_file(REPO / "configs" / "topics.yaml").topics
    assert all(topic.display for topic in topics)
    assert {"退费", "开户流程", "信用卡还款", "理财产品", "利率调整", "投诉"} <= {
        t.name for t in topics
    }


def test_no_topics_are_a_valid_file():
    assert load("").topics == load("topics: []").topics == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("topics: [{name: a, any: [x]}, {name: a, any: [y]}]", "same name; rename one"),
        ("topics: [{name: a}]", "`any` is missing"),
        ("topics: [{name: a, any: []}]", "`any`"),
        ("topics: [{name: a, any: [x], unles: [y]}]", "did you mean `unless`"),
        ("topics: [{name: a, any: [{regex: '(x'}]}]", "not a regular expression of RE2"),
        ("topics: [{name: a, any: ['，']}]", "has no letter or digit"),
        ("topics: [{name: a, any: [12315]}]", "put it in quotes"),
        ("topics: [{name: a, any: [x], role: [boss]}]", "'agent', 'customer' or 'mixed'"),
        ("topics：\n- {name: a, any: [x]}", "full-width"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_cure(text, problem):
    with pytest.raises(TopicsError, match=r"topics.yaml, line \d") as raised:
        load(text)
    assert problem in str(raised.value)


def test_what_decides_where_a_topic_is_found_changes_its_hash_and_nothing_else_does():
    (topic,) = load("topics: [{name: a, any: [x]}]").topics
    (shown,) = load("topics: [{name: b, any: [x], display: {zh: 甲, en: A}}]").topics
    (changed,) = load("topics: [{name: a, any: [x], unless: [xy]}]").topics
    assert topic.search == shown.search != changed.search


def test_queues_are_compared_without_case_and_an_unknown_queue_is_none_of_them():
    assert is_sought_in(None, None)
    assert is_sought_in(["VIP"], "vip")
    assert not is_sought_in(["VIP"], "b")
    assert not is_sought_in(["VIP"], None)
