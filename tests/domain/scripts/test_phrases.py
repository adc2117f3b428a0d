"""Phrases: what each place accepts, how many errors they may have, and which are refused."""

from __future__ import annotations

import pytest

from callqa_assets.domain.scripts.phrases import (
    PhraseError,
    Tolerance,
    exact_patterns,
    tolerant_patterns,
)
from callqa_assets.domain.scripts.spelling import AMOUNT, NUMBER

DEFAULT = Tolerance()


@pytest.mark.parametrize(
    ("phrase", "errors"),
    [
        ("您好", 0),
        ("感谢来电话", 0),  # five syllables: every one counts
        ("感谢您的来电", 1),
        ("感谢您的来电再见", 2),
        ("请问有什么可以帮您", 2),
        ("为了您的账户安全请核对身份证号码后四位", 5),
        ("APP", 0),
        ("thank you", 0),  # eight letters are fewer than six syllables
        ("thank you for calling us", 6),
    ],
)
def test_a_phrase_may_have_errors_by_its_length(phrase, errors):
    (pattern,) = tolerant_patterns(phrase, DEFAULT)
    assert pattern.max_distance == errors


def test_a_higher_score_allows_fewer_errors():
    (strict,) = tolerant_patterns("感谢您的来电再见", Tolerance(min_score=100))
    assert strict.max_distance == 0
    assert [strict.score(n) for n in (0, 2, 8)] == [100, 75, 0]


def accepts(phrase: str, at: int, character: str) -> bool:
    (pattern,) = tolerant_patterns(phrase, DEFAULT)
    return pattern.positions[at].accepts(character)


def test_long_phrases_accept_what_is_easily_confused_and_short_ones_what_sounds_the_same():
    assert accepts("感谢您的来电再见", 6, "载")
    assert accepts("感谢您的来电再见", 6, "摘")  # zhai for zai
    assert accepts("再见", 0, "载")
    assert not accepts("再见", 0, "摘")
    (forbidden,) = exact_patterns("再见")
    assert forbidden.positions[0].accepts("摘")
    assert forbidden.max_distance == 0


def test_a_character_with_several_readings_has_all_of_them():
    assert accepts("信用卡还款可以", 3, "换")
    assert accepts("信用卡还款可以", 3, "海")


def test_digits_are_heard_as_their_numerals():
    assert accepts("拨打95588热线", 2, "九")
    assert accepts("三个工作日内到账", 0, "3")


def test_slots_stand_for_numbers_amounts_and_names():
    (number,) = tolerant_patterns("工号{number}为您服务", DEFAULT)
    assert [p.character for p in number.positions] == [*"工号", NUMBER, *"为您服务"]
    assert number.has_slots
    assert number.positions[2].accepts(NUMBER)
    assert not number.positions[2].accepts(AMOUNT)
    assert not number.positions[0].accepts(NUMBER)
    (amount,) = tolerant_patterns("应还{amount} 元整", DEFAULT)  # its currency is part of it
    assert [p.character for p in amount.positions] == [*"应还", AMOUNT, "整"]
    names = tolerant_patterns("我是{name}很高兴为您服务", DEFAULT)
    assert [len(pattern.positions) for pattern in names] == [10, 11, 12, 13]
    assert names[0].positions[2].accepts("王")
    assert not names[0].positions[2].accepts(NUMBER)


@pytest.mark.parametrize(
    ("phrase", "problem"),
    [
        ("好", "fewer than 2 characters"),
        ("{number}", "fewer than 2 characters"),
        ("，。！", "fewer than 2 characters"),
        ("金额是{money}", "`{money}` is no slot; choose from `{number}`, `{amount}`, `{name}`"),
        ("您" * 61, "61 characters, and at most 60"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_the_cure(phrase, problem):
    with pytest.raises(PhraseError, match=problem.replace("{", r"\{").replace("}", r"\}")):
        tolerant_patterns(phrase, DEFAULT)
