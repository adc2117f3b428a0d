"""A text is found by exactly the parts of its normalised form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.text.bigrams import (
    find_places,
    normalise,
    tokenise,
    tokenise_query,
)

ALPHABET = "退费流程客服。，,. 12.5aAbＢéß①㈱ﾊﾞ𠀀\u0301\u200b_%'\"*-\n"


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("退费,流程。", "退费流程"),
        ("我要退 158.5 元！", "我要退158.5元"),
        ("Hello,  World. v2.0", "hello world v2.0"),
        ("ＡＢＣ１２３，ｄ", "abc123 d"),
        ("用 iPhone 打的。", "用iphone打的"),
        ("第3.句", "第3句"),
        ("_%'*-", ""),
        ("Straße ςΣ", "strasse σσ"),
    ],
)
def test_width_case_and_punctuation_do_not_matter(text, normalised):
    assert normalise(text) == normalised


def test_tokens_are_pairs_and_the_last_character_of_each_run():
    assert tokenise("退费流程") == ["退费", "费流", "流程", "程"]
    assert tokenise("ab c") == ["ab", "b", "c"]
    assert tokenise("") == []


def test_a_query_of_one_character_begins_a_pair():
    assert tokenise_query("费") == (("费",), True)
    assert tokenise_query("退费") == (("退费",), False)
    assert tokenise_query("ab c") == (("ab", "b", "c"), True)


def holds(text: str, query: str) -> bool:
    """Whether the tokens of the query follow one another in those of the text."""
    tokens, (wanted, is_prefix) = tokenise(text), tokenise_query(query)
    for start in range(len(tokens) - len(wanted) + 1):
        *same, last = tokens[start : start + len(wanted)]
        fits = last.startswith(wanted[-1]) if is_prefix else last == wanted[-1]
        if same == list(wanted[:-1]) and fits:
            return True
    return False


@given(st.text(ALPHABET, max_size=30), st.text(ALPHABET, min_size=1, max_size=6))
def test_tokens_find_what_a_scan_finds(text, query):
    text, query = normalise(text), normalise(query)
    if query:
        assert holds(text, query) == (query in text)


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(ALPHABET, max_size=30), st.data())
def test_a_place_is_where_the_text_says_it(text, data):
    normalised = normalise(text)
    if not normalised:
        return
    start = data.draw(st.integers(0, len(normalised) - 1))
    end = data.draw(st.integers(start + 1, len(normalised)))
    query = normalise(normalised[start:end])
    places = find_places(text, query)
    if query:
        assert places
        assert all(query in normalise(text[begin:until]) for begin, until in places)


def test_a_place_leaves_out_what_stands_around():
    text = "您好，我要退 158.5 元。"
    ((start, end),) = find_places(text, normalise("退158.5元"))
    assert text[start:end] == "退 158.5 元"


@pytest.mark.parametrize(
    ("text", "query", "place"),
    [
        ("cafe\u0301 ok", "ok", "ok"),
        ("un cafe\u0301.", "CAFÉ", "cafe\u0301"),
        ("ﾊﾞｽで退费", "退费", "退费"),
        ("ﾊﾞｽで", "バス", "ﾊﾞｽ"),
        ("\u1112\u1161\u11ab글", "한", "\u1112\u1161\u11ab"),
        ("㈱退费", "退费", "退费"),
        ("付3.5.元", "5元", "5.元"),
        ("Straße 12", "sse 1", "ße 1"),
    ],
)
def test_a_place_is_found_where_characters_join_or_become_several(text, query, place):
    ((start, end),) = find_places(text, normalise(query))
    assert text[start:end] == place
