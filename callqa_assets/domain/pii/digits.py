"""Digits as they are spoken and written: of any script, as words, repeated, misheard, in groups."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

INVISIBLE = re.compile(r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0f\ufeff\u20e3]")
"""Characters without a width of their own between digits, and the frame of keycap digits."""

DIGITS = (
    r"\d零〇一二三四五六七八九幺两壹贰貳叁參肆伍陆陸柒捌玖"
    r"⓪①-⑨⓿❶-❾➀-➈➊-➒⓵-⓽⑴-⑼⒈-⒐⁰¹²³⁴-⁹₀-₉"
)
"""Decimal digits of any script; Chinese, financial (壹), circled and raised ones: for a class."""

DIGIT = f"[{DIGITS}]"

BETWEEN = (
    r"(?:[\s\-‐-―－﹣~～_＿.．,，、。·•/／+＋()（）嗯呃额啊哦哎诶欸再]"
    r"|然后|接着|最后|后面|后边|那个){0,8}"
)
"""What may separate the digits of a number that is dictated or written in groups."""

_WORD = (
    r"(?<![A-Za-z])(?:zero|oh?|one|two|three|four|five|six|seven|eight|nine|double|triple)"
    r"(?![A-Za-z])"
)
_REPEATED = rf"[二两三四五六七八2-8]个{DIGIT}(?![十百千万亿])"
MISHEARD_ONES = "要腰妖夭吆邀么"
"""What 幺 is heard as."""
_MISHEARD_ONE = (
    rf"(?<=[{DIGITS}{MISHEARD_ONES}])[{MISHEARD_ONES}]"
    rf"(?=[{MISHEARD_ONES}]{{0,3}}(?:[\s,，、]|然后|嗯){{0,3}}(?:{DIGIT}|[XxＸｘ叉]))"
)
SPOKEN = rf"(?:{_REPEATED}|{DIGIT}|{_WORD}|{_MISHEARD_ONE})"
"""One digit as it is said: `8`, `八`, `eight`, 四个八, and 幺 that was heard as 要."""

_TOKEN = re.compile(SPOKEN, re.IGNORECASE)
_LAST_X = re.compile(
    rf"{BETWEEN}(?:[XxＸｘ×](?![0-9A-Za-z])|叉(?![车子号口腰])|艾克斯|埃克斯|爱克斯)"
)
_WORD_VALUES = {
    **{"zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4"},
    **{"five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9"},
}
_FACTORS = {"double": 2, "triple": 3}


@dataclass(frozen=True)
class Group:
    """Digits that nothing separates."""

    start: int
    end: int
    digits: str
    """ASCII; the last one may be an X."""


@lru_cache(maxsize=1024)
def value_of(character: str) -> str:
    """The ASCII digit of a character that is one."""
    # Not all of them have a numeric value in Unicode: 两, 貳 of some versions.
    return _OTHER_VALUES.get(character) or str(int(unicodedata.numeric(character)))


_OTHER_VALUES = {"两": "2", "幺": "1", "貳": "2", "參": "3", "陸": "6"}


def groups_of(text: str, start: int, end: int) -> list[Group]:
    """The groups of a run of spoken digits."""
    groups: list[Group] = []
    factor = 1
    for token in _TOKEN.finditer(text, start):  # what stands behind the run decides on its last 要
        if token.start() >= end:
            break
        said = token.group().lower()
        if said in _FACTORS:
            factor, digits = _FACTORS[said], ""
        else:
            digits, factor = _expand(said) * factor, 1
        joins = groups and groups[-1].end == token.start()
        if joins:
            before = groups.pop()
            groups.append(Group(before.start, token.end(), before.digits + digits))
        else:
            groups.append(Group(token.start(), token.end(), digits))
    return groups


def _expand(said: str) -> str:
    if said in _WORD_VALUES:
        return _WORD_VALUES[said]
    if len(said) == 3:  # 四个八
        return value_of(said[2]) * int(value_of(said[0]))
    return "1" if said in MISHEARD_ONES else value_of(said)


def find_last_x(text: str, at: int) -> int | None:
    """The end of an X, as at the end of identity cards, that is said from `at` on."""
    found = _LAST_X.match(text, at)
    return None if found is None else found.end()


_SHOWN = re.compile(rf"{DIGIT}|[Xx]|\A[{MISHEARD_ONES}]")


def shown_digits(said: str) -> list[str] | None:
    """The digits of a number as they are written; None where not every one is a character."""
    spelt = any(len(token) > 1 for token in _TOKEN.findall(said))
    return None if spelt else _SHOWN.findall(said)


def spoken_run(min_tokens: int) -> str:
    """A regular expression of so many digits or more, with what may separate them."""
    return rf"{SPOKEN}(?:{BETWEEN}{SPOKEN}){{{min_tokens - 1},}}"
