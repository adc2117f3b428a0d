"""The expressions of call-centre speech that hold numerals, and how each is written.

A rule is a pattern and what it writes; at every numeral the rules are tried in order and the first that applies
consumes it. Numerals are matched as a whole (as many numeral characters as follow one another): one that is
no number (三四百, 二十七八) is left as it was said, which is also how approximations are written (GB/T 15835,
4.2.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from callqa_assets.domain.itn.lexicon import (
    AFTER_POINTS,
    ARTICLE_MEASURES,
    BEFORE_POINTS,
    COUNTED_UNITS,
    DAYS,
    HALVES_OF_DAY,
    IDIOMS,
    LOOSE_BEFORE_TWO,
    MEASURES,
    NAMES_OF_NUMBERS,
    PRECISE_UNITS,
    TAIL_MEASURES,
    WEEKDAYS,
    WORDS_ENDING_IN_NUMERAL,
    WORDS_FROM_ONE,
)
from callqa_assets.domain.itn.numerals import (
    leaves_unit_unsaid,
    read_digits,
    write_number,
    write_whole,
)

Replacement = tuple[int, int, str]
"""Start and end in the raw text, and what to write there."""


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    write: Callable[[re.Match[str]], list[Replacement] | None]
    """None where the rule does not apply after all; an empty list leaves the words as they are."""


def find_replacements(text: str) -> Iterator[Replacement]:
    """Ascending and disjoint; only such as change something."""
    position = 0
    while found := _NUMERAL.search(text, position):
        position = found.start()
        for rule in _RULES:
            match = rule.pattern.match(text, position)
            if match and (replacements := rule.write(match)) is not None:
                yield from (r for r in replacements if text[r[0] : r[1]] != r[2])
                position = match.end()
                break


def _leave(_: re.Match[str]) -> list[Replacement]:
    return []


def _write_numbers(match: re.Match[str]) -> list[Replacement] | None:
    """Write every captured numeral, keep the words between them."""
    replacements: list[Replacement] = []
    for group, spoken in enumerate(match.groups(), 1):
        written = write_number(spoken)
        if written is None:
            return None
        replacements.append((*match.span(group), written))
    return replacements


def _write_all(match: re.Match[str], written: str) -> list[Replacement]:
    return [(*match.span(), written)]


def _write_percent(match: re.Match[str]) -> list[Replacement] | None:
    written = write_number("一百" if match["value"] == "百" else match["value"])
    if written is None:
        return None
    if match["base"] == "万":
        return [(*match.span("value"), written)]
    return _write_all(
        match, ("-" if match["sign"] else "") + written + ("%" if match["base"] == "百" else "‰")
    )


def _write_percent_range(match: re.Match[str]) -> list[Replacement] | None:
    low, high = write_number(match["low"]), write_number(match["high"])
    return _write_all(match, f"{low}%{match['to']}{high}%") if low and high else None


def _write_fraction(match: re.Match[str]) -> list[Replacement] | None:
    below, above = write_whole(match["below"]), write_whole(match["above"])
    return _write_all(match, f"{above}/{below}") if below and above else None


def _write_year(match: re.Match[str]) -> list[Replacement] | None:
    digits = read_digits(match["year"])
    if _is_approximate(digits) and not match["month"]:
        return None
    return [(*match.span("year"), digits)]


_LARGEST = {"month": 12, "day": 31, "hour": 24, "minute": 59, "second": 59}


def _write_date_or_time(match: re.Match[str]) -> list[Replacement] | None:
    """零五 keeps its zero. None where a part is out of its range."""
    replacements: list[Replacement] = []
    for part, spoken in match.groupdict().items():
        if spoken is None:
            continue
        padded = len(spoken) == 2 and spoken[0] in "零〇"
        written = read_digits(spoken) if padded else write_whole(spoken)
        if written is None or int(written) > _LARGEST[part]:
            return None
        replacements.append((*match.span(part), written))
    return replacements


def _write_money(match: re.Match[str]) -> list[Replacement] | None:
    parts = match.groupdict()
    yuan = write_whole(parts.get("yuan") or "零")
    if yuan is None:
        return None
    jiao = "5" if parts.get("half") else read_digits(parts.get("jiao") or "零")
    return _write_all(match, f"{yuan}.{jiao}{read_digits(parts.get('fen') or '')}元")


def _write_discount(match: re.Match[str]) -> list[Replacement] | None:
    digits = read_digits(match[1])
    return None if _is_approximate(digits) else [(*match.span(1), f"{digits[0]}.{digits[1]}")]


def _is_approximate(digits: str) -> bool:
    """三四, 七八, and 三五: "about"."""
    return int(digits[1]) == int(digits[0]) + 1 or digits == "35"


def _write_read_out(match: re.Match[str]) -> list[Replacement]:
    """Digits one by one, with dots between the parts of an address."""
    return [(*match.span(1), read_digits(match[1].replace(" ", "").replace("点", ".")))]


def _write_negative(match: re.Match[str]) -> list[Replacement] | None:
    written = write_number(match[1])
    return None if written is None else _write_all(match, f"-{written}")


def _write_range(match: re.Match[str]) -> list[Replacement] | None:
    if len(match[1]) == 1 and match[2][-1] in "百千":
        return []  # 五到六百 may say 500 to 600
    return _write_numbers(match)


def _write_digits(match: re.Match[str]) -> list[Replacement] | None:
    digits = read_digits(match["digits"])
    named = _is_named(match.string[: match.start()])
    if len(digits) == 1 or (
        len(digits) == 2 and not named and not _has_zero_or_yao(match["digits"])
    ):
        return None
    if match["noun"] and _counts_up(digits):
        return None
    return _write_all(match, digits + ("X" if match["check"] else ""))


def _is_named(before: str) -> bool:
    """Whether a number follows that is read out, however short: 尾号是三五, A座 is none, B一二 is."""
    before = before.rstrip("是为")
    return before.endswith(NAMES_OF_NUMBERS) or (before[-1:].isascii() and before[-1:].isalpha())


def _has_zero_or_yao(spoken: str) -> bool:
    """Only digits read out hold them; 零零 alone begins 零零散散."""
    return "幺" in spoken or any(c in "零〇" for c in spoken) != all(c in "零〇" for c in spoken)


def _counts_up(digits: str) -> bool:
    return all(int(b) == int(a) + 1 for a, b in pairwise(digits))


def _write_bare(match: re.Match[str]) -> list[Replacement] | None:
    spoken = match[1]
    if len(spoken) == 1 or (leaves_unit_unsaid(spoken) and match["measure"]):
        return None
    written = write_number(spoken)
    return None if written is None else [(*match.span(1), written)]


_NUMERALS = "零〇一二三四五六七八九十百千万亿两幺0-9"
_ONE = rf"一(?![{WORDS_FROM_ONE}])(?!(?<=[百千万点块毛元]一){ARTICLE_MEASURES})"
_DIGIT = rf"(?:[零〇二三四五六七八九]|{_ONE})"
_CARDINAL = rf"(?>(?:[零〇二三四五六七八九十百千万亿两]|{_ONE})+)(?![幺0-9])"
_WHOLE = rf"(?:{_CARDINAL}|(?>[0-9]+)(?!\.?[{_NUMERALS}]))"
_DECIMALS = rf"点(?>{_DIGIT}+)(?![十百千两点幺0-9])[万亿]?"
_NUMBER = rf"(?:{_CARDINAL}(?:{_DECIMALS})?|(?>[0-9]+(?:\.[0-9]+)?)(?!\.?[{_NUMERALS}]))"
_TAIL_ENDS = rf"(?:(?=一{ARTICLE_MEASURES})|(?![{_NUMERALS}]|{TAIL_MEASURES}))"
_FEN = rf"(?:(?P<fen>{_DIGIT}|[0-9])(?:分钱?|{_TAIL_ENDS}))"
_MONTH = rf"(?P<month>(?!两){_WHOLE})月"
_DAY = rf"(?P<day>(?!两){_WHOLE})"
_HOUR = rf"(?P<hour>{_WHOLE})点"
_MINUTE = "(?P<minute>[零〇][一二三四五六七八九]|[二三四五]?十[一二三四五六七八九]?)"
_COUNTED = "".join(c for c in MEASURES if c not in "块元")

_RULE_TABLE: tuple[tuple[str, Callable[[re.Match[str]], list[Replacement] | None]], ...] = (
    # words
    ("|".join(IDIOMS), _leave),
    (WORDS_ENDING_IN_NUMERAL, _leave),
    (WEEKDAYS, _leave),
    (rf"(?<=第)[一二三四五六七八九](?![{_NUMERALS}])", _leave),
    # shares
    (
        rf"百分之(?P<low>{_NUMBER})(?P<to>[到至~])(?:百分之)?(?P<high>{_NUMBER})(?!几)",
        _write_percent_range,
    ),
    (
        rf"(?P<sign>负?)(?P<base>[百千万])分之(?P<value>百(?![{_NUMERALS}])|{_NUMBER})(?!几)",
        _write_percent,
    ),
    (rf"(?P<below>{_WHOLE})分之(?P<above>{_WHOLE})(?!几)", _write_fraction),
    # dates and times
    (rf"(?P<year>{_DIGIT}{{2}})年(?!级)(?=(?P<month>[{_NUMERALS}]+月)?)", _write_year),
    (rf"{_MONTH}{_DAY}(?:(?=[号日])|(?![{MEASURES}几多来余]))", _write_date_or_time),
    (rf"{_MONTH}", _write_date_or_time),
    (rf"{_HOUR}{_MINUTE}分(?!钟)(?:(?P<second>{_WHOLE})秒)?", _write_date_or_time),
    (rf"{_HOUR}(?:半|整|钟|[一三]刻)", _write_date_or_time),
    (
        rf"{_HOUR}(?P<minute>[二三四五]?十[一二三四五六七八九]?)(?![{_NUMERALS}])",
        _write_date_or_time,
    ),
    (
        rf"(?:{HALVES_OF_DAY}|{DAYS}){_HOUR}(?P<minute>[零〇]?{_DIGIT})(?![{_NUMERALS}])",
        _write_date_or_time,
    ),
    (rf"{HALVES_OF_DAY}{_HOUR}(?!{_DIGIT}|[点几])", _write_date_or_time),
    (
        rf"(?<![{BEFORE_POINTS}])(?!一点){_HOUR}(?!{_DIGIT}|几|{AFTER_POINTS})",
        _write_date_or_time,
    ),
    # money
    (
        rf"(?P<yuan>{_WHOLE})[块元](?P<jiao>[零〇一二两三四五六七八九0-9])[毛角]{_FEN}?钱?",
        _write_money,
    ),
    (rf"(?P<yuan>{_WHOLE})[块元][零〇]{_FEN}", _write_money),
    (rf"(?P<yuan>{_WHOLE})[块元](?P<jiao>{_DIGIT}|[0-9]){_TAIL_ENDS}", _write_money),
    (rf"(?P<yuan>{_WHOLE})[块元](?P<half>半)(?![价个年月天小夜路票])", _write_money),
    (rf"(?P<jiao>[零〇一二两三四五六七八九])[毛角]{_FEN}", _write_money),
    # values with a form of their own
    (rf"({_DIGIT}{{2}})折", _write_discount),
    (
        r"([五六七八九][零五]|[零〇]{2}|[零〇]五|一[零〇])(?=后(?![面来天续台门果边]))",
        _write_read_out,
    ),
    (rf"({_DIGIT}{{1,3}}(?:点{_DIGIT}{{1,3}}){{3}})(?![点{_NUMERALS}])", _write_read_out),
    (rf"(?<![正胜担抱自欺])负({_NUMBER})(?![楼层几])", _write_negative),
    (rf"({_WHOLE})比(?![较如例])({_NUMBER})(?!几)", _write_numbers),
    (rf"({_WHOLE})乘以?({_NUMBER})(?!几)", _write_numbers),
    (rf"({_NUMBER})[到至~～—-]({_NUMBER})(?!几)(?=[{MEASURES}])", _write_range),
    # one figure and its unit
    (rf"([一二两三四五六七八九])(?={PRECISE_UNITS})", _write_numbers),
    (rf"(?<![{LOOSE_BEFORE_TWO}])(两)(?={COUNTED_UNITS})", _write_numbers),
    (rf"([二三四五六七八九])(?={COUNTED_UNITS})", _write_numbers),
    (rf"(?<=按)([零一二三四五六七八九])(?=号?键|[井星]|[\s，。！？、；,.!?;]|$)", _write_numbers),
    (rf"(?<=第)(十)(?![{_NUMERALS}几])", _write_numbers),
    (rf"(?<![几数])(十)(?=[{MEASURES}多余来])", _write_numbers),
    # digits read out
    (rf"({_DIGIT}(?: {_DIGIT}){{2,}})(?! ?[{_NUMERALS}])", _write_read_out),
    (
        r"(?=[零〇一二三四五六七八九洞拐勾两0-9]*幺)([零〇一二三四五六七八九洞拐勾两幺0-9]{3,}+)(?![十百千万亿叉])",
        _write_read_out,
    ),
    (
        rf"(?P<digits>(?>(?:[零〇幺二三四五六七八九0-9]|{_ONE})+))(?![十百千万亿两])"
        rf"(?P<check>叉(?![车子号口腰{_NUMERALS}]))?(?=(?P<noun>[月楼号线等期年级层类档流])?)",
        _write_digits,
    ),
    # all other numbers
    (rf"(?<![几数](?=十))({_NUMBER})(?!几)(?=(?P<measure>[{_COUNTED}])?)", _write_bare),
    (rf"[{_NUMERALS}]+|负|洞", _leave),
)
_RULES = tuple(Rule(re.compile(pattern), write) for pattern, write in _RULE_TABLE)
_NUMERAL = re.compile(rf"[{_NUMERALS}负洞]")
