from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.text.alignment import chain, find_differences
from callqa_assets.domain.text.itn import TextEdit

texts = st.text(alphabet="一二三,。ab", max_size=12)


def rewrite(raw, text, pieces):
    """`text` assembled from the unchanged parts of `raw` and the edits."""
    written, position = "", 0
    for piece in pieces:
        written += raw[position : piece.raw_start]
        assert len(written) == piece.start
        written += text[piece.start : piece.end]
        position = piece.raw_end
    return written + raw[position:]


def test_equal_texts_have_no_edits():
    assert find_differences("您好", "您好") == []


def test_inserted_marks_are_edits_without_raw_characters():
    assert find_differences("您好请问", "您好,请问。") == [
        TextEdit(2, 2, 2, 3),
        TextEdit(4, 4, 5, 6),
    ]


def test_a_number_after_a_mark_is_found_again_in_the_raw_text():
    raw, punctuated, text = "好的一百五十八块五", "好的,一百五十八块五。", "好的,158.5元。"
    digits = TextEdit(3, 10, 3, 9)
    assert punctuated[3:10] == "一百五十八块五"
    pieces = chain(find_differences(raw, punctuated), [digits])
    assert pieces == [TextEdit(2, 2, 2, 3), TextEdit(2, 9, 3, 9), TextEdit(9, 9, 9, 10)]
    assert rewrite(raw, text, pieces) == text


@given(texts, texts)
def test_differences_lead_from_one_text_to_the_other(raw, text):
    assert rewrite(raw, text, find_differences(raw, text)) == text


@given(texts, texts, texts)
def test_a_chain_leads_from_the_first_text_to_the_last(raw, between, text):
    pieces = chain(find_differences(raw, between), find_differences(between, text))
    assert rewrite(raw, text, pieces) == text
    assert all(a.raw_end <= b.raw_start and a.end <= b.start for a, b in pairwise(pieces))
