"""Text that other programs wrote is read as what it is, or refused: never as question marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.calls.text_encoding import UnknownEncodingError, decode_text

CHINESE = '{"agent_id": "张三", "queue": "退费专席", "客户": "李四"}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_needs_no_word(encoding: str) -> None:
    assert decode_text(CHINESE.encode(encoding)) == (CHINESE, None)


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("gbk", "GB18030"),
        ("gb18030", "GB18030"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
    ],
)
def test_an_encoding_without_a_mark_is_found_and_told(encoding: str, told: str) -> None:
    assert decode_text(CHINESE.encode(encoding)) == (CHINESE, told)


def test_traditional_chinese_of_big5_is_not_read_as_gbk() -> None:
    text = "客服人員,退費專線,信用卡還款,營業時間,請問您的電話號碼" * 3
    assert decode_text(text.encode("big5"))[0] == text


def test_an_encoding_that_the_file_declares_is_used() -> None:
    assert decode_text("é".encode("iso-8859-15"), "iso-8859-15") == ("é", None)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UnknownEncodingError):
        decode_text(b"\x81\xff\x8d\x00\xff" * 9)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff")))
def test_utf8_is_always_read_as_it_is(text: str) -> None:
    if not text.encode().startswith((b"\xff\xfe", b"\xfe\xff")):
        assert decode_text(text.encode()) == (text, None)
