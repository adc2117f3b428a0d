"""No phone, card or identity number reaches a receiver."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.pii.masking import (
    mask_file_name,
    mask_identifier,
    mask_spans,
    mask_text,
    mask_texts,
)
from callqa_assets.domain.pii.spans import PiiSpan


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("我的电话是13800138000谢谢", "我的电话是138****8000谢谢"),
        ("138-0013-8000", "138****8000"),
        ("138 0013 8000", "138****8000"),
        ("+8613800138000", "+86138****8000"),
        ("一三八零零一三八零零零", "一三八****八零零零"),
        ("幺三八，零零一三，八零零零", "幺三八****八零零零"),
        ("１３８００１３８０００", "１３８****８０００"),
        ("幺三八，嗯，零零一三，呃，八零零零", "幺三八****八零零零"),
        ("一三八。零零一三。八零零零。", "一三八****八零零零。"),
        ("110101199003077578", "****7578"),
        ("11010119900307757X", "****757X"),
        ("6222 0200 1234 5678 901", "****8901"),
        ("010-62345678", "****5678"),
        ("打6234567", "打****4567"),
        ("六二三四五六七", "****四五六七"),
        ("138_0013_8000", "138****8000"),
        ("138:0013:8000", "138****8000"),
        ("138\u200b0013\u20608000", "138****8000"),
        ("138\u00a00013\u3000\u3000\u3000\u3000\u30008000", "138****8000"),
        ("１３８－００１３～８０００", "１３８****８０００"),
        ("＋８６１３８／００１３．８０００", "＋８６１３８****８０００"),
        ("①③⑧⓪⓪①③⑧⓪⓪⓪", "①③⑧****⑧⓪⓪⓪"),
        ("1\ufe0f\u20e33\ufe0f\u20e38\ufe0f\u20e3 0013 8000", "138****8000"),
        ("١٣٨٠٠١٣٨٠٠٠", "١٣٨****٨٠٠٠"),
        ("壹叁捌零零壹叁捌零零零", "壹叁捌****捌零零零"),
        ("138，然后0013，然后8000", "138****8000"),
        ("一五八，后面是", "一五八，后面是"),
        ("手机号一五八，然后零零二三，最后四五六七", "手机号一五八****四五六七"),
        ("两两三三四四五五", "****四四五五"),
        ("one three eight 0013 eight o o o", "****"),
        ("one two three four five six seven", "****"),
        ("one three eight, zero zero one three eight zero zero zero", "****"),
        ("Oh seven seven double four, three two one", "****"),
    ],
)
def test_numbers_that_identify_a_person_are_masked(said, masked):
    assert mask_text(said) == masked


@pytest.mark.parametrize(
    "said",
    [
        "打623456",
        "六二三四五六",
        "one two three four five six",
        "客服热线95588",
        "158.5元",
        "2025年3月14日",
        "一百五十八块五",
        "二零二五年三月",
        "one, two",
        "10:30到11:45",
        "壹仟贰佰元整",
        "①先退费②再投诉",
    ],
)
def test_other_numbers_are_kept(said):
    assert mask_text(said) == said


def test_a_number_dictated_with_pauses_is_masked():
    said = [
        "我的号码是幺三八。",
        "零零一三，",
        "八零零零，好了吗",
        "one three eight zero",
        "zero one, yes",
    ]
    assert mask_texts(said) == ["我的号码是幺三八****", "****", "****八零零零，好了吗", *said[3:]]
    assert mask_texts(["one three eight zero,", "zero one three"]) == ["****", "****"]
    assert mask_texts(["还有一个", "二", ""]) == ["还有一个", "二", ""]


@pytest.mark.parametrize(
    ("identifier", "masked"),
    [
        ("13800138000", "138****8000"),
        ("R-138-0013-8000", "R-138****8000"),
        ("11010119900307757X", "****757X"),
        ("C-20250315-0005", "C-20250315-0005"),
        ("1001", "1001"),
        ("１３８００１３８０００", "１３８****８０００"),
        ("R_138/0013/8000", "R_138****8000"),
        ("1741943400.12345", "1741943400.12345"),
        ("125-0013-8000", "125-0013-8000"),
        ("两三八零零一三八零零零", "两三八零零一三八零零零"),
    ],
)
def test_an_id_keeps_its_digits_unless_they_are_a_phone_number(identifier, masked):
    assert mask_identifier(identifier) == masked


@given(
    st.text(alphabet="我的电话是abc，。 0123456789-", max_size=20),
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.text(alphabet="我的电话是abc，。 0123456789-", max_size=20),
)
def test_no_mobile_number_survives_whatever_stands_around_it(before, number, after):
    masked = mask_text(f"{before}{number}{after}")
    assert number not in masked
    assert not re.search(r"[0-9]{7}", masked)


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("a_13800138000_b.wav", "a_138…00_b.wav"),
        ("1234567.wav", "123…67.wav"),
        ("123456.wav", "123456.wav"),
    ],
)
def test_a_file_name_in_a_log_shows_no_phone_number(name, masked):
    assert mask_file_name(name) == masked


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("我叫张伟，姓张", "我叫张**，姓张"),
        ("我叫欧阳娜娜。", "我叫欧阳**。"),
        ("邮箱zhangsan@163.com谢谢", "邮箱z***@…谢谢"),
        ("住北京市朝阳区建国路88号3栋", "住北京市朝阳区****"),
        ("住建国路88号3栋", "住****"),
        ("车牌京A12345的", "车牌京A****的"),
        ("验证码是358129。", "验证码是****。"),
        ("护照E12345678", "护照****5678"),
        ("卡4111111111111111好", "卡****1111好"),
        ("8613800138000", "86138****8000"),
        ("工号1001，13800138000", "工号****，138****8000"),
        ("一三八零零零零四个八", "****"),
        ("一共12345678.9元", "一共12345678.9元"),
        ("订单20250314001", "订单****4001"),
    ],
)
def test_what_is_harmless_stays(said, masked):
    assert mask_text(said) == masked


def test_a_part_of_a_number_shows_what_the_whole_would():
    first = PiiSpan(2, 6, "mobile", part="first")
    assert mask_spans("电话1380谢谢", [first]) == "电话138****谢谢"
    assert mask_spans("01谢谢", [PiiSpan(0, 2, "mobile", part="middle")]) == "****谢谢"
    assert mask_spans("3800谢谢", [PiiSpan(0, 4, "mobile", part="last")]) == "****3800谢谢"


def test_spans_that_overlap_or_reach_beyond_the_text_hide_all_they_name():
    spans = [PiiSpan(3, 9, "code"), PiiSpan(0, 5, "code"), PiiSpan(8, 99, "code")]
    assert mask_spans("abcdefghijkl", spans) == "************"
