"""Texts as they are heard: positions stay, words stay apart, numbers are one, denials are found."""

from __future__ import annotations

import pytest

from callqa_assets.domain.scripts.spelling import (
    AMOUNT,
    NUMBER,
    PAUSE,
    SILENT,
    find_negations,
    heard,
    spell,
)


@pytest.mark.parametrize("text", ["您好，ＡＢ c1.5元…\n再见", "", "㎡ﬁ don't", "🙂\0\1x"])
@pytest.mark.parametrize("numbers", [False, True])
def test_positions_stay(text, numbers):
    assert len(spell(text, numbers=numbers)) == len(text)


def test_punctuation_is_a_pause_and_a_space_is_none():
    assert spell("好，的 吗\n嗯", numbers=False) == f"好{PAUSE}的{SILENT}吗{PAUSE}嗯"


def test_words_begin_with_a_capital():
    assert heard(spell("HAPPY app, don't", numbers=False)) == "HappyAppDont"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("工号8001为您", f"工号{NUMBER}为您"),
        ("余额是一千二百块五谢谢", f"余额是{AMOUNT}谢谢"),
        ("158块5", AMOUNT),
        ("158.5元。", AMOUNT),
        ("利率是百分之三点五", f"利率是{NUMBER}"),
        ("3.5%的", f"{NUMBER}的"),
        ("12万元整", f"{AMOUNT}整"),
        ("3元5分钟", f"{AMOUNT}分钟"),
        ("１２天", f"{NUMBER}天"),
        ("二零二五年", f"{NUMBER}年"),
    ],
)
def test_numbers_and_amounts_are_one_character(text, expected):
    assert heard(spell(text, numbers=True)) == expected


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("不保本", "不"),
        ("从未承诺", "未"),
        ("非保本", "非"),
        ("非常抱歉", ""),
        ("有没有问题", ""),
        ("是不是本人", ""),
        ("带来不便", ""),
        ("特别说明", ""),
        ("没有没有", "没"),  # 有没有 asks, but what stands before it denies
        ("IsNotGuaranteed", "Not"),
        ("Nothing", ""),
        ("DontWorry", "Dont"),
        ("Payment", ""),
    ],
)
def test_denials_are_found(text, denied):
    assert "".join(text[i] for i in sorted(find_negations(text))) == denied
