"""Which words are counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from callqa_assets.domain.topics.label_words import LabelWords
from callqa_assets.domain.topics.terms import count_terms, has_countable_words

OWN = ("退费", "开户流程", "客服热线95588")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("开户流程和开户", ["开户流程", "开户"]),
        ("会员，会员", ["会员", "会员"]),
        ("ＶＩＰ会员用ＷｉＦｉ", ["vip", "会员", "wifi"]),
        ("拨打客服热线95588", ["拨打", "客服热线95588"]),
        ("158.5元 20250314 13800138000", []),
        ("三百二十块", []),
        ("您好，请问谢谢", []),
        ("我 要", []),
        ("I'd like to cancel my subscription", ["cancel", "subscription"]),
        ("отменить подписку", ["отменить", "подписку"]),
        ("", []),
    ],
)
def test_words(text, words):
    assert sorted(count_terms([text], OWN).elements()) == sorted(words)


def test_lists_of_own_words_do_not_mix():
    assert count_terms(["蓝莓套餐卡"], ("蓝莓套餐卡",)) == {"蓝莓套餐卡": 1}
    assert "蓝莓套餐卡" not in count_terms(["蓝莓套餐卡"], ())


def test_languages_without_spaces_are_not_counted():
    assert has_countable_words("zh")
    assert has_countable_words("")
    assert not has_countable_words("ja")


def test_the_dictionary_is_loaded_without_a_word_and_without_a_shared_file(tmp_path):
    program = "from callqa_assets.domain.topics.terms import *; print(count_terms(['会员'], ()))"
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.stdout, done.stderr) == ("Counter({'会员': 1})\n", "")
    assert list(tmp_path.iterdir()) == []


def test_label_words_are_those_in_a_phrase_around_one_or_of_an_expression():
    labels = LabelWords(["我要投诉", "起诉"], ["骗.?子"])
    assert [labels.has(w) for w in ("投诉", "被起诉", "骗子", "会员")] == [True, True, True, False]
