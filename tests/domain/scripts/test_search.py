"""The search finds what a plain edit distance finds; negations and slots must be right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.scripts.phrases import (
    Pattern,
    Tolerance,
    exact_patterns,
    tolerant_patterns,
)
from callqa_assets.domain.scripts.search import PhraseSearch
from callqa_assets.domain.scripts.spelling import spell

PHRASES = (
    "请问有什么可以帮您",
    "感谢您的来电",
    "您好",
    "thank you for calling us",
    "APP",
    "您" * 60,
)
PATTERNS = tuple(p for phrase in PHRASES for p in tolerant_patterns(phrase, Tolerance()))


def distances(pattern: Pattern, text: str) -> list[int]:
    """Sellers' edit distance to the best substring that ends after each character."""
    row = [0] * (len(text) + 1)
    for position in pattern.positions:
        above, row = row, [row[0] + 1]
        for i, character in enumerate(text):
            wrong = above[i] + (not position.accepts(character))
            row.append(min(wrong, above[i + 1] + 1, row[i] + 1))
    return row[1:]


@given(st.lists(st.text("请问有什么可以帮您好感谢的来电在xThankYou", max_size=80), max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_end_has_the_distance_of_the_textbook(texts):
    texts = sorted((t for t in texts if t), key=len, reverse=True)
    found = PhraseSearch(PATTERNS)._find_ends(texts) if texts else []
    expected = {
        (text, pattern, end, distance)
        for text, said in enumerate(texts)
        for pattern, own in enumerate(PATTERNS)
        for end, distance in enumerate(distances(own, said), 1)
        if distance <= own.max_distance
    }
    assert {tuple(map(int, row)) for row in found} == expected


def find(phrase: str, text: str, *, exact: bool = False) -> list[tuple[str, float, bool]]:
    """(matched text, score, is_negated) of each hit of the phrase's best form."""
    patterns = exact_patterns(phrase) if exact else tolerant_patterns(phrase, Tolerance())
    spelt = spell(text, numbers=patterns[0].has_slots)
    hits = PhraseSearch(patterns).find([spelt])
    best = min((hit.distance for hit in hits), default=0)
    return [
        (text[h.start : h.end], round(patterns[h.pattern].score(h.distance)), h.is_negated)
        for h in hits
        if h.distance == best
    ]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("感谢您的来电", "好的，感谢您的来订，再见", [("感谢您的来订", 83, False)]),
        ("感谢您的来电", "甘谢宁的来点", [("甘谢宁的来点", 100, False)]),
        ("感谢您的来电", "感谢来访", []),
        ("感谢您的来电", "感谢您。的来\n电", [("感谢您。的来\n电", 100, False)]),
        ("感谢您的来电", "电", []),  # a text shorter than the phrase
        ("感谢您的来电", "感谢您的来电感谢您的来电", [("感谢您的来电", 100, False)] * 2),
        ("开户流程需要身份证", "開戶流程需要身份證", [("開戶流程需要身份證", 100, False)]),
        ("您好", "你好", []),  # short: every syllable
        ("您好", "宁浩", []),  # ning is not nin
        ("您好", "您号", [("您号", 100, False)]),
        ("APP", "请下载App。", [("App", 100, False)]),
        ("APP", "happy applause", []),
        ("打95588", "请打 95588。", [("打 95588", 100, False)]),
        ("打95588", "请打九五五八八", [("打九五五八八", 100, False)]),
        ("打9558", "请打95588", []),
        (
            "thank you for calling us",
            "so thank you for cooling us!",
            [("thank you for cooling us", 90, False)],
        ),
        ("{number}号为您服务", "八千零一号为您服务", [("八千零一号为您服务", 100, False)]),
        ("工号{number}为您服务", "工号为您服务", []),  # no number, no match
        ("应还金额是{amount}", "应还金额是158块5，谢谢", [("应还金额是158块5", 100, False)]),
        ("应还金额是{amount}", "应还金额是多少", []),
        (
            "我是{name}很高兴为您服务",
            "我是欧阳文静很高兴为您服务",
            [("我是欧阳文静很高兴为您服务", 100, False)],
        ),
    ],
)
def test_a_phrase_is_found_where_it_is_said(phrase, text, expected):
    assert find(phrase, text) == expected


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("本产品不保本不保证收益", "本产品不保本不保证收益", [False]),
        ("本产品不保本不保证收益", "本产品布保本不保证收益", [False]),  # 不, misheard
        ("本产品不保本不保证收益", "本产品保本保证收益", [True]),
        ("逾期会影响您的个人征信", "逾期不会影响您的个人征信", [True]),
        ("会影响您的个人征信", "逾期不会影响您的个人征信", [True]),
        ("会影响您的个人征信", "不，会影响您的个人征信", [False]),  # another clause
        ("您对我的服务满意吗", "您对我的服务非常满意吗", [False]),
        ("您还有其他问题吗", "您还有没有其他问题吗", [False]),
        ("it is guaranteed by the bank", "it is not guaranteed by the bank", [True]),
    ],
)
def test_a_negation_too_many_or_too_few_is_another_phrase(phrase, text, expected):
    assert [negated for *_, negated in find(phrase, text)] == expected


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("保本", "保证保本的", [("保本", 100, False)]),
        ("保本", "这个报本", [("报本", 100, False)]),
        ("保本", "不保本", [("保本", 100, True)]),
        ("保证收益", "保证受一", [("保证受一", 100, False)]),
        ("保证收益", "保证收入", []),  # one syllable off is something else, however long
        ("和存款是完全一样的产品", "和存款是完全不一样的产品", []),
    ],
)
def test_an_exact_phrase_has_no_errors(phrase, text, expected):
    assert find(phrase, text, exact=True) == expected


def test_many_texts_keep_their_numbers():
    texts = ["", "您好", "x" * 300, "好", "嗯，您好，您好"] * 150
    hits = PhraseSearch(tolerant_patterns("您好", Tolerance())).find(texts)
    assert [(hit.text % 5, hit.start) for hit in hits] == [(1, 0), (4, 2), (4, 5)] * 150
