"""The expressions of call-centre speech that hold numerals, and how each is written.

At every numeral the rules are tried in order; the first that applies consumes it. Numerals are
matched in full, as many consecutive numeral characters as there are: one that is not a well-formed
number (三四百, 二十七八) stays in words, which is also how approximations are printed (GB/T
15835-2011). Digits already in the text take part only where a transcriber leaves a number half
written (158块5, 百分之3.5, 138零零), so that normalised text stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from callqa_assets.domain.text.itn.lexicon import (
    AFTER_POINTS,
    ARTICLE_MEASURES,
    BEFORE_POINTS,
    COUNTED_UNITS,
    COUNTING_AFTER,
    COUNTING_BEFORE,
    DAYS,
    HALVES_OF_DAY,
    HOUR_BEFORE,
    IDIOMS,
    KEY_COMMANDS,
    LOOSE_BEFORE_TWO,
    MEASURES,
    NAMES_OF_NUMBERS,
    NO_KEYS,
    PRECISE_UNITS,
    REPEATED_MEASURE,
    TAIL_MEASURES,
    WEEKDAYS,
    WORDS_ENDING_IN_NUMERAL,
    WORDS_FROM_ONE,
)
from callqa_assets.domain.text.itn.numerals import (
    is_read_out,
    leaves_unit_unsaid,
    read_digits,
    write_amount,
    write_number,
    write_whole,
)

Replacement = tuple[int, int, str]
"""Start and end in the raw text, and what to write there."""

Write = Callable[[re.Match[str]], list[Replacement] | None]
"""None where the rule does not apply after all; an empty list leaves the words as they are."""


@dataclass(frozen=True)
class Rule:
    example: str
    pattern: re.Pattern[str]
    write: Write


@cache
def compile_rules() -> tuple[Rule, ...]:
    """In the order in which they are tried. Compiled at first use, as this takes 0.1 s."""
    return tuple(Rule(example, re.compile(pattern), write) for example, pattern, write in _TABLE)


def find_replacements(text: str) -> Iterator[Replacement]:
    """Ascending and disjoint; only those that change something."""
    rules = compile_rules()
    position = 0
    while found := _NUMERAL.search(text, position):
        position = found.start()
        for rule in rules:
            match = rule.pattern.match(text, position)
            if match and (replacements := rule.write(match)) is not None:
                for replacement in replacements:
                    if text[replacement[0] : replacement[1]] != replacement[2]:
                        yield replacement
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


def _replace(match: re.Match[str], written: str) -> list[Replacement]:
    return [(*match.span(), written)]


def _write_percent(match: re.Match[str]) -> list[Replacement] | None:
    value = write_number("一百" if match["value"] == "百" else match["value"])
    if value is None:
        return None
    if match["base"] == "万":
        return [(*match.span("value"), value)]
    sign = "-" if match["sign"] else ""
    return _replace(match, f"{sign}{value}{'%' if match['base'] == '百' else '‰'}")


def _write_percent_range(match: re.Match[str]) -> list[Replacement] | None:
    low, high = write_number(match["low"]), write_number(match["high"])
    return _replace(match, f"{low}%{match['to']}{high}%") if low and high else None


def _write_fraction(match: re.Match[str]) -> list[Replacement] | None:
    below, above = write_whole(match["below"]), write_whole(match["above"])
    return _replace(match, f"{above}/{below}") if below and above else None


def _write_year(match: re.Match[str]) -> list[Replacement] | None:
    digits = read_digits(match["year"])
    if _is_approximate(digits) and not match["month"]:
        return None
    return [(*match.span("year"), digits)]


_LARGEST = {"month": 12, "day": 31, "hour": 24, "minute": 59, "second": 59}


def _write_date_or_time(match: re.Match[str]) -> list[Replacement] | None:
    """None where a part exceeds its largest value (month 12, hour 24 …)."""
    replacements: list[Replacement] = []
    for part, spoken in match.groupdict().items():
        if spoken is None:
            continue
        written = write_whole(spoken)
        if written is None or len(written) > 2 or int(written) > _LARGEST[part]:
            return None
        replacements.append((*match.span(part), written))
    return replacements


def _write_money(match: re.Match[str]) -> list[Replacement] | None:
    parts = match.groupdict()
    yuan = write_amount(parts.get("yuan") or "零")
    if yuan is None:
        return None
    sign = "-" if parts.get("sign") else ""
    jiao = "5" if parts.get("half") else read_digits(parts.get("jiao") or "零")
    return _replace(match, f"{sign}{yuan}.{jiao}{read_digits(parts.get('fen') or '')}元")


def _write_unsaid_point(match: re.Match[str]) -> list[Replacement] | None:
    whole = write_whole(match[1])
    return _replace(match, f"{whole}.{read_digits(match[3])}{match[2]}") if whole else None


def _write_discount(match: re.Match[str]) -> list[Replacement] | None:
    digits = read_digits(match[1])
    return None if _is_approximate(digits) else [(*match.span(1), f"{digits[0]}.{digits[1]}")]


def _is_approximate(digits: str) -> bool:
    """三四, 七八, and 三五: "about"."""
    return int(digits[1]) == int(digits[0]) + 1 or digits == "35"


def _write_negative(match: re.Match[str]) -> list[Replacement] | None:
    written = write_number(match[1])
    return _replace(match, f"-{written}") if written else None


def _write_range(match: re.Match[str]) -> list[Replacement] | None:
    if len(match[1]) == 1 and match[2][-1] in "百千":
        return []  # 五到六百 may mean 500 to 600
    return _write_numbers(match)


def _write_read_out(match: re.Match[str]) -> list[Replacement]:
    return [(*match.span(1), read_digits(match[1].replace(" ", "").replace("点", ".")))]


def _write_dotted(match: re.Match[str]) -> list[Replacement]:
    parts = (write_whole(part) or read_digits(part) for part in match[1].split("点"))
    written = ".".join(parts)
    return _replace(match, written) if written.replace(".", "").isdecimal() else []


def _write_score(match: re.Match[str]) -> list[Replacement]:
    tens, ones = match[1][0], match[1][1:]
    return _replace(match, ("2" if tens == "廿" else "3") + read_digits(ones or "零"))


def _write_hundreds(match: re.Match[str]) -> list[Replacement]:
    return _replace(match, f"{match[1]}{match[2]}00")


def _write_misheard(match: re.Match[str]) -> list[Replacement]:
    return _replace(match, "1" + read_digits(match[1]))


def _write_digits(match: re.Match[str]) -> list[Replacement] | None:
    digits = read_digits(match["digits"])
    named = _is_named(match.string[max(0, match.start() - 5) : match.start()])
    if match["check"] and len(digits) < 3:
        return []
    if not is_read_out(match["digits"]) and not (named and len(digits) == 2):
        return None
    if _counts_up(digits) and (match["noun"] or (not named and _is_counted_aloud(match, digits))):
        return None
    return _replace(match, digits + ("X" if match["check"] else ""))


def _is_named(before: str) -> bool:
    """Whether the number that follows is read out in digits, however short: 尾号是三五, B一二."""
    before = before.rstrip("是为")
    return before.endswith(NAMES_OF_NUMBERS) or (before[-1:].isascii() and before[-1:].isalpha())


def _counts_up(digits: str) -> bool:
    return all(int(second) == int(first) + 1 for first, second in pairwise(digits))


def _is_counted_aloud(match: re.Match[str], digits: str) -> bool:
    """Whether digits are 一二三 by itself, or a longer count in a rhyme: 一二三四五上山打老虎."""
    if digits == "123":
        return True
    text, (start, end) = match.string, match.span("digits")
    before = _COUNTING_BEFORE.search(text, max(0, start - 2), start)
    return text[start] == "一" and bool(before or _COUNTING_AFTER.match(text, end))


def _write_key(match: re.Match[str]) -> list[Replacement] | None:
    """A figure after 按 is a key where its clause ends, a command follows, or the same clause names
    another key: 中文请按一英文请按二."""
    text, position = match.string, match.start()
    if match["sure"] is None:
        pauses = [pause.end() for pause in _PAUSE.finditer(text, 0, position)]
        next_pause = _PAUSE.search(text, position)
        clause = (pauses[-1] if pauses else 0, next_pause.start() if next_pause else len(text))
        if all(key.end() == position + 1 for key in _KEY.finditer(text, *clause)):
            return None
    return [(*match.span("key"), read_digits(match["key"]))]


def _write_bare(match: re.Match[str]) -> list[Replacement] | None:
    """Numbers of more than one character; single ones stay words where no rule requires digits."""
    spoken = match[1]
    if len(spoken) == 1 or is_read_out(spoken) or (leaves_unit_unsaid(spoken) and match["measure"]):
        return None
    written = write_number(spoken)
    return [(*match.span(1), written)] if written else None


# Parts of rules. Groups (?>…) are atomic: they match all they can and never backtrack.
_NUMERALS = "零〇一二三四五六七八九十百千万亿两幺0-9"
_ARTICLE = (
    rf"(?:(?<=[百千万点块毛元0-9%‰]一)|(?<=[十百千万][一二三四五六七八九]一)){ARTICLE_MEASURES}"
)
_ONE = rf"一(?![{WORDS_FROM_ONE}]|{_ARTICLE})"
_DIGIT = rf"(?:[零〇二三四五六七八九]|{_ONE})"
_FIGURE = rf"(?:{_DIGIT}|[0-9])"
_FIGURES = rf"(?>(?:幺|{_FIGURE})+)(?![十百千万亿两]|\.[0-9])"
_CHECK = rf"叉(?![车子号口腰{_NUMERALS}])"
_CARDINAL = rf"(?>(?:[零〇二三四五六七八九十百千万亿两]|{_ONE})+)(?![幺0-9])"
_READ_OUT = rf"(?>(?:[零〇幺二三四五六七八九]|{_ONE})+)(?![十百千万亿两0-9])"
_WHOLE = rf"(?:(?:{_CARDINAL}|{_READ_OUT})(?!{_CHECK}))"
_NUMBER = rf"(?:{_WHOLE}(?:点(?>{_DIGIT}+)(?![十百千两点幺0-9])[万亿]?)?)"
_WRITTEN = rf"(?>[0-9]+(?:\.[0-9]+)?)(?!\.?[{_NUMERALS}])"
_TAIL_ENDS = rf"(?:(?=一{ARTICLE_MEASURES})|(?![{_NUMERALS}]|{TAIL_MEASURES}|[.,:/%‰]))"
_TAIL = rf"[块元毛角度米](?:零?{_FIGURE}{_TAIL_ENDS}|半)"
_MINUS = "(?<![正胜担抱自欺])负"
_YUAN = rf"(?P<sign>{_MINUS})?(?P<yuan>{_CARDINAL}|{_FIGURES})[块元]"
_FEN = rf"(?:(?P<fen>{_FIGURE})(?:分钱?|{_TAIL_ENDS}))"
_MONTH = rf"(?P<month>(?!两){_WHOLE})月"
_DAY = rf"(?P<day>(?!两){_WHOLE})"
_HOUR = rf"(?P<hour>{_WHOLE})点"
_MINUTE = "(?P<minute>[零〇][一二三四五六七八九]|[二三四五]?十[一二三四五六七八九]?)"
_SECOND = rf"(?P<second>{_WHOLE})秒"
_FULL_HOUR = rf"(?:(?!{_DIGIT}|[十百千万亿幺0-9点几])|(?={_CARDINAL}点(?![{_NUMERALS}])))"
_TO = "[到至~～—-]"
_RADIO = "零〇一二三四五六七八九洞拐勾两"
_COUNTED = "".join(character for character in MEASURES if character not in "块元")

_KEY_ENDS = r"(?:号?键|[井星]|[\s，。！？、；,!?;]|\.(?![0-9])|$)"
_NO_KEY = rf"(?:[{_NUMERALS}/:‰]|{_TO}|\.[0-9]|{NO_KEYS})"

_PAUSE = re.compile(r"[\s，。！？、；,!?;]|\.(?![0-9])")
_KEY = re.compile(
    rf"按(?:[井星#*]|[零一二两三四五六七八九0-9](?:(?={_KEY_ENDS}|{KEY_COMMANDS})|(?!{_NO_KEY})))"
)
_COUNTING_BEFORE = re.compile(COUNTING_BEFORE + r"\Z")
_COUNTING_AFTER = re.compile(COUNTING_AFTER)
_MISHEARD_ONE = (
    rf"(?<![{_NUMERALS}])(?:妖|(?<![什怎那这多])么|(?<![我你您他不需想只还就])要(?!四))"
    rf"([三四五六七八九](?:幺|{_DIGIT}){{9}})(?![{_NUMERALS}])"
)
"""The 幺 at the head of a mobile number, as transcribers mishear it; eleven digits in all, and
我要 before a number is a wish."""
_NUMERAL = re.compile(rf"[{_NUMERALS}负洞廿卅么妖要](?<![么妖要](?![三四五六七八九]))")
_TABLE: tuple[tuple[str, str, Write], ...] = (
    # words that contain numerals but no number
    ("七七八八", "|".join(IDIOMS), _leave),
    ("统一", WORDS_ENDING_IN_NUMERAL, _leave),
    ("一个个", REPEATED_MEASURE, _leave),
    ("周五", WEEKDAYS, _leave),
    ("第三季度", rf"(?<=第)[一二三四五六七八九](?![{_NUMERALS}])", _leave),
    (
        "年零三个月",
        r"(?<=[年月天时周])零(?=[一二两三四五六七八九十0-9]+(?:[个天小周年半]|分(?!之)))",
        _leave,
    ),
    # addresses and versions, which hold more than one point
    (
        "幺二七点零点零点十一",
        rf"(?=(?:[{_NUMERALS}]++点){{2}})"
        rf"((?:{_WHOLE}|{_DIGIT}{{2}})(?:点(?:{_WHOLE}|{_DIGIT}{{2}})){{2,3}})(?![点{_NUMERALS}])",
        _write_dotted,
    ),
    # shares
    (
        "百分之三到五",
        rf"百分之(?P<low>{_NUMBER})(?P<to>[到至~])(?:百分之)?(?P<high>{_NUMBER})(?!几)",
        _write_percent_range,
    ),
    (
        "百分之三点五",
        rf"(?P<sign>负?)(?P<base>[百千万])分之"
        rf"(?P<value>百(?![{_NUMERALS}])|{_NUMBER}|{_WRITTEN})(?!几)",
        _write_percent,
    ),
    ("百分之二三十", rf"[百千万]分之[{_NUMERALS}]*", _leave),
    (
        "三分之一",
        rf"(?P<below>{_WHOLE})分之(?P<above>{_WHOLE})(?!几|{_TAIL})",
        _write_fraction,
    ),
    # dates
    ("廿五号", rf"(?<![{_NUMERALS}点])([廿卅][一二三四五六七八九]?)(?=[号日])", _write_score),
    ("卅五", rf"[廿卅][{_NUMERALS}廿卅]*", _leave),
    (
        "零八年",
        rf"(?P<year>{_DIGIT}{{2}})年(?!级)(?=(?P<month>[{_NUMERALS}]+月)?)",
        _write_year,
    ),
    (
        "三月十五号",
        rf"{_MONTH}{_DAY}(?:(?=[号日])|(?![{MEASURES}几多来余]))",
        _write_date_or_time,
    ),
    ("三月份", _MONTH, _write_date_or_time),
    # times
    (
        "差五分三点",
        rf"(?<=差)(?P<minute>{_WHOLE})分钟?{_HOUR}(?![{_NUMERALS}])",
        _write_date_or_time,
    ),
    (
        "现在是九点五分",
        rf"(?:{HOUR_BEFORE}{_HOUR}(?P<minute>{_DIGIT})分(?!钟))",
        _write_date_or_time,
    ),
    ("八点零五分", rf"{_HOUR}{_MINUTE}分(?!钟)(?:{_SECOND})?", _write_date_or_time),
    ("三分二十秒", rf"(?P<minute>{_WHOLE})分{_SECOND}", _write_date_or_time),
    ("三点半", rf"{_HOUR}(?:半|整|钟|[一三]刻)", _write_date_or_time),
    (
        "三点二十",
        rf"{_HOUR}(?P<minute>[二三四五]?十[一二三四五六七八九]?)(?![{_NUMERALS}])",
        _write_date_or_time,
    ),
    (
        "下午三点零五",
        rf"(?:{HALVES_OF_DAY}|{DAYS}){_HOUR}(?P<minute>[零〇]?{_DIGIT})(?![{_NUMERALS}])",
        _write_date_or_time,
    ),
    ("下午一点", rf"{HALVES_OF_DAY}{_HOUR}{_FULL_HOUR}", _write_date_or_time),
    (
        "三点之前",
        rf"(?<![{BEFORE_POINTS}])(?!一点){_HOUR}{_FULL_HOUR}(?!{AFTER_POINTS})",
        _write_date_or_time,
    ),
    # money whose last unit is not 块, or left unsaid
    (
        "十五块九毛九",
        rf"{_YUAN}零?(?P<jiao>[一二两三四五六七八九0-9])[毛角]{_FEN}?钱?",
        _write_money,
    ),
    ("三块零五", rf"{_YUAN}[零〇]{_FEN}", _write_money),
    (
        "一百五十八块五",
        rf"{_YUAN}(?P<jiao>(?![零〇0]|[0-9]{_TO}){_FIGURE}){_TAIL_ENDS}",
        _write_money,
    ),
    ("三块半", rf"{_YUAN}(?P<half>半)(?![价个年月天小夜路票])", _write_money),
    (
        "一毛五",
        rf"(?P<sign>{_MINUS})?(?P<jiao>[零〇一二两三四五六七八九0-9])[毛角]{_FEN}",
        _write_money,
    ),
    # other values with a form of their own
    ("三十八度五", rf"({_WHOLE})([度米码])({_DIGIT}{{1,2}}){_TAIL_ENDS}", _write_unsaid_point),
    ("八五折", rf"({_DIGIT}{{2}})折", _write_discount),
    (
        "八零后",
        r"([五六七八九][零五]|[零〇]{2}|[零〇]五|一[零〇])(?=后(?![面来天续台门果边]))",
        _write_read_out,
    ),
    ("负二十", rf"{_MINUS}({_NUMBER})(?![楼层几Xx]|{_TAIL})", _write_negative),
    ("三比二", rf"({_WHOLE})比(?![较如例])({_NUMBER})(?!几|{_TAIL})", _write_numbers),
    ("七乘二十四", rf"({_WHOLE})乘以?({_NUMBER})(?!几|{_TAIL})", _write_numbers),
    ("三到五块五", rf"({_NUMBER})(?={_TO}{_WHOLE}{_TAIL})", _write_numbers),
    ("三到五个", rf"({_NUMBER}){_TO}({_NUMBER})(?!几)(?=[{MEASURES}])", _write_range),
    ("三到十五", rf"({_NUMBER}){_TO}((?=[{_NUMERALS}]{{2}}){_NUMBER})(?!几)", _write_range),
    # single figures that are values by their context
    ("三元", rf"([二两三四五六七八九]|{_ONE})(?={PRECISE_UNITS})", _write_numbers),
    ("两天", rf"(?<![{LOOSE_BEFORE_TWO}])(两)(?={COUNTED_UNITS})", _write_numbers),
    ("三天", rf"([二三四五六七八九])(?={COUNTED_UNITS})", _write_numbers),
    (
        "按一",
        rf"(?<=按)(?P<key>[零一二三四五六七八九])"
        rf"(?:(?P<sure>(?={_KEY_ENDS}|{KEY_COMMANDS}))|(?!{_NO_KEY}))",
        _write_key,
    ),
    ("第十期", rf"(?<=第)(十)(?![{_NUMERALS}几]|{_CHECK})", _write_numbers),
    ("十个", rf"(?<![几数])(十)(?=[{MEASURES}多余来])", _write_numbers),
    (
        "八八二三八八二转三",
        rf"((?:幺|{_FIGURE}){{7,}}+)转({_FIGURE})(?![{_NUMERALS}次])",
        _write_numbers,
    ),
    ("2千3百", rf"(?<![{_NUMERALS}.])([1-9])千([1-9])百(?![{_NUMERALS}])", _write_hundreds),
    ("H一N一", r"(?<=H)([一二三五七九])N([一二八九])", _write_numbers),
    # digits read out
    ("么三八零零一三八零零零", _MISHEARD_ONE, _write_misheard),
    ("一 三 八", rf"({_DIGIT}(?: {_DIGIT}){{2,}}+)(?! ?[{_NUMERALS}])", _write_read_out),
    (
        "洞幺两",
        rf"(?<![{_NUMERALS}])(?=[{_RADIO}]*幺)([{_RADIO}幺]{{3,}}+)(?![十百千万亿叉块元0-9])",
        _write_read_out,
    ),
    (
        "九五五八八",
        rf"(?P<digits>{_FIGURES})(?!几)(?P<check>{_CHECK})?"
        rf"(?=(?P<noun>[月楼号线等期年级层类档流])?)",
        _write_digits,
    ),
    # every other number, and numerals that are not numbers
    (
        "三百五",
        rf"(?<![几数](?=十))({_NUMBER})(?!几)(?=(?P<measure>[{_COUNTED}])?)",
        _write_bare,
    ),
    ("三四百", rf"[{_NUMERALS}]+(?:\.[0-9]+)*|负|洞|[么妖要]", _leave),
)
