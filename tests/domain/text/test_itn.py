import csv
import datetime
from collections import defaultdict
from pathlib import Path

import cn2an
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callqa_assets.domain.text.itn import normalize
from callqa_assets.domain.text.itn.grammar import compile_rules
from callqa_assets.domain.text.itn.numerals import (
    is_read_out,
    read_cardinal,
    read_digits,
    write_amount,
    write_cardinal,
    write_number,
    write_whole,
)

CASES_BY_CATEGORY: dict[str, list[tuple[str, str]]] = defaultdict(list)
with Path(__file__).with_name("itn_cases.tsv").open(encoding="utf-8", newline="") as stream:
    for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
        CASES_BY_CATEGORY[row["category"]].append((row["raw"], row["expected"]))

NUMERALS = "零〇一二三四五六七八九十百千万亿两幺洞拐勾叉半0123456789"
SPOKEN = st.text(
    st.sampled_from(
        "零〇一二三四五六七八九十百千万亿两幺洞拐勾叉半点几多来余第负初周双年月日号分之百块元毛角钱折度米岁"
        "楼栋单元室比乘以到至个天小时秒钟期倍成后按是位尾上下午晚早这那会定统"
        "0123456789.:/%- ，。😊XGab"
    ),
    max_size=24,
)
"""Mostly the words of the grammar, in arbitrary order."""


def write(text: str) -> str:
    return normalize(text).text


@pytest.mark.parametrize("category", CASES_BY_CATEGORY)
def test_every_case_of_the_table_is_written_as_a_clerk_would(category):
    cases = CASES_BY_CATEGORY[category]
    wrong = [(raw, expected, write(raw)) for raw, expected in cases if write(raw) != expected]
    assert not wrong


def test_the_table_is_large_and_every_case_is_in_it_once():
    cases = [case for cases in CASES_BY_CATEGORY.values() for case in cases]
    assert len(cases) >= 500
    assert len({raw for raw, _ in cases}) == len(cases)
    assert sum(raw == expected for raw, expected in cases) >= 150


@given(st.text(max_size=40) | SPOKEN)
@settings(max_examples=400, deadline=None, derandomize=True)
@example("9" * 5000 + "点")  # more digits than int() takes
@example("一亿" * 3000)  # deeper than Python recurses
def test_any_text_is_accepted_and_normalising_twice_changes_nothing(text):
    once = write(text)
    assert write(once) == once
    assert bool(once) == bool(text)


@given(st.text(max_size=40) | SPOKEN)
@settings(max_examples=200, deadline=None, derandomize=True)
@example("一百五十八块五，三月十五号，您好")
def test_the_alignment_contains_exactly_what_changed(text):
    normalized = normalize(text)
    rebuilt, raw_position = "", 0
    for piece in normalized.alignment:
        assert raw_position <= piece.raw_start < piece.raw_end <= len(text)
        raw = text[piece.raw_start : piece.raw_end]
        rebuilt += text[raw_position : piece.raw_start]
        assert len(rebuilt) == piece.start
        rebuilt += normalized.text[piece.start : piece.end]
        assert len(rebuilt) == piece.end
        assert raw != normalized.text[piece.start : piece.end]
        assert any(character in NUMERALS for character in raw)
        raw_position = piece.raw_end
    assert rebuilt + text[raw_position:] == normalized.text


@given(SPOKEN, SPOKEN)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_sentences_do_not_influence_each_other(first, second):
    assert write(first + "。" + second) == write(first) + "。" + write(second)


def value_of(written: str) -> int:
    total = 0
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        if unit in written:
            count, _, written = written.partition(unit)
            total += int(count) * size
    return total + int(written or "0")


@given(st.integers(10, 10**12 - 1) | st.integers(10, 12_000))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_amounts_keep_their_value(amount):
    written = write(f"一共{cn2an.an2cn(str(amount))}元。")
    assert written.startswith("一共") and written.endswith("元。")
    assert value_of(written[2:-2]) == amount


@given(st.text("0123456789", min_size=3, max_size=20).filter(lambda digits: digits != "123"))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_numbers_read_out_come_back_digit_by_digit(digits):
    one_by_one = dict(zip("0123456789", "零幺二三四五六七八九", strict=True))
    assert write("号码是" + "".join(one_by_one[digit] for digit in digits)) == "号码是" + digits


@given(st.dates(datetime.date(1930, 1, 1), datetime.date(2049, 12, 31)), st.sampled_from("号日"))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_date_is_written(date, day_word):
    year = "".join(cn2an.an2cn(digit) for digit in str(date.year))
    spoken = f"{year}年{cn2an.an2cn(str(date.month))}月{cn2an.an2cn(str(date.day))}{day_word}"
    assert write(f"我{spoken}办的") == f"我{date.year}年{date.month}月{date.day}{day_word}办的"


@given(st.integers(0, 24), st.integers(1, 59))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_time_is_written(hour, minute):
    gap = "零" if minute < 10 else ""
    spoken = f"{cn2an.an2cn(str(hour))}点{gap}{cn2an.an2cn(str(minute))}分"
    assert write(f"明天{spoken}") == f"明天{hour}点{minute:02}分"


@pytest.mark.parametrize("rule", compile_rules(), ids=lambda rule: rule.example)
def test_every_rule_is_the_one_that_matches_its_example(rule):
    for position in range(len(rule.example)):
        for tried in compile_rules():
            match = tried.pattern.match(rule.example, position)
            if match and tried.write(match) is not None:
                assert tried is rule
                return
    pytest.fail(f"no rule takes {rule.example}")


def test_text_without_numerals_is_unchanged():
    text = "您好，请问有什么可以帮您？"
    assert normalize(text).text == text
    assert normalize(text).alignment == ()


def test_an_hour_beyond_24_is_no_time():
    assert write("平均二十五点零五分") == "平均25.05分"
    assert write("明天二十四点零五分") == "明天24点05分"


def test_every_word_for_a_digit_is_read():
    assert read_digits("零一二三四五六七八九〇两幺洞拐勾") == "0123456789021079"


@pytest.mark.parametrize(
    ("spoken", "value"),
    [
        *[("零", 0), ("〇", 0), ("两", 2), ("十", 10), ("十五", 15), ("二十", 20), ("九十九", 99)],
        *[("一百五", 150), ("一百零五", 105), ("一百五十", 150), ("一百零十", 110)],
        *[("三千五", 3500), ("三千零五", 3005), ("三千零五十", 3050), ("两千三百四十五", 2345)],
        *[("三万五", 35_000), ("三万零五", 30_005), ("三万五千", 35_000), ("三万十", 30_010)],
        *[("一万三百五", 10_350), ("一千万零五十", 10_000_050), ("九千九百九十九万", 99_990_000)],
        *[("一亿", 10**8), ("一亿二", 12 * 10**7), ("一亿零二", 10**8 + 2), ("一万亿", 10**12)],
        ("九千九百九十九万九千九百九十九亿九千九百九十九万九千九百九十九", 10**16 - 1),
    ],
)
def test_a_cardinal_is_read(spoken, value):
    assert read_cardinal(spoken) == value


@pytest.mark.parametrize(
    "spoken",
    [
        *["", "百八十", "三四百", "二零二五", "零五", "零万", "万", "一百零", "一百两"],
        *["一万零", "三万一二", "一万两", "一万万", "一万零三百五", "三万二万", "三亿二亿"],
        "零" * 40,
        "一亿" * 3000,
    ],
)
def test_what_is_no_well_formed_number_is_not_read(spoken):
    assert read_cardinal(spoken) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *[(0, "0"), (9999, "9999"), (10_000, "1万"), (10_001, "10001"), (120_000, "12万")],
        *[(10**8, "1亿"), (12 * 10**7, "1亿2000万"), (10**8 + 10**4, "1亿1万")],
        *[(10**8 + 1, "100000001"), (10**12, "1万亿"), (10**12 + 10**8, "10001亿")],
    ],
)
def test_whole_multiples_keep_their_words(value, written):
    assert write_cardinal(value) == written


@pytest.mark.parametrize(
    ("spoken", "number", "whole", "amount", "read_out"),
    [
        ("三点五万", "3.5万", None, None, False),
        ("二零二五点三", "2025.3", None, None, False),
        ("1.5", "1.5", None, None, False),
        ("1.", None, None, None, False),
        ("12", "12", "12", "12", True),
        ("三百五", "350", "350", "350", False),
        ("五万", "5万", "50000", "50000", False),
        ("三五", None, None, "35", False),
        ("八零", "80", "80", "80", True),
        ("幺五", "15", "15", "15", True),
        ("零零", None, None, "00", False),
        ("二零二五", "2025", "2025", "2025", True),
        ("一", "1", "1", "1", False),
    ],
)
def test_a_number_is_a_cardinal_a_decimal_or_digits_read_out(
    spoken, number, whole, amount, read_out
):
    written = (write_number(spoken), write_whole(spoken), write_amount(spoken), is_read_out(spoken))
    assert written == (number, whole, amount, read_out)
