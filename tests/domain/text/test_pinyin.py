"""Readings of characters, and which of them are taken for one."""

from __future__ import annotations

import pytest

from callqa_assets.domain.text.pinyin import is_han, readings, sound_class, sounds


@pytest.mark.parametrize(
    ("character", "some"),
    [
        ("好", {"hao"}),
        ("行", {"xing", "hang"}),
        ("还", {"hai", "huan"}),
        ("女", {"nv"}),
        ("開", {"kai"}),  # traditional script sounds the same
        ("A", {"A"}),
        ("ａ", {"A"}),
        ("9", {"jiu"}),
        ("1", {"yi", "yao"}),
        ("0", {"ling", "dong"}),
        ("２", {"er", "liang"}),
    ],
)
def test_a_character_has_every_reading(character, some):
    assert some <= readings(character)


@pytest.mark.parametrize("character", ["，", " ", "\n", "_", "😀"])
def test_what_is_not_spoken_has_no_reading(character):
    assert readings(character) == frozenset()


@pytest.mark.parametrize(
    ("one", "other"),
    [("zhan", "zan"), ("chi", "ci"), ("shi", "si"), ("lan", "nan"), ("xin", "xing"), ("lv", "nv")],
)
def test_syllables_that_are_confused_are_one_class(one, other):
    assert sound_class(one) == sound_class(other)


@pytest.mark.parametrize(("one", "other"), [("ban", "pan"), ("yi", "er"), ("hui", "fei")])
def test_others_are_not(one, other):
    assert sound_class(one) != sound_class(other)


def test_a_latin_letter_is_no_syllable():
    assert not sounds("a") & sounds("阿")
    assert not sounds("l") & sounds("n")


@pytest.mark.parametrize(
    ("character", "expected"),
    [("您", True), ("𠮷", True), ("a", False), ("。", False), ("", False)],
)
def test_chinese_characters_are_known(character, expected):
    assert is_han(character) == expected
