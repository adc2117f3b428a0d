"""A text as the characters that are heard, for the comparison of phrases with transcripts.

Phrases and transcripts are spelt alike. Positions stay: what is not heard becomes a mark, SILENT or
PAUSE, which `heard` leaves out.
"""

from __future__ import annotations

import re

from callqa_assets.domain.text.patterns import fold, widen

SILENT, PAUSE = "\0", "\1"
"""What is not heard; the latter at the end of a clause."""
NUMBER, AMOUNT = "\ue000", "\ue001"
"""Characters (of Unicode's private use) that stand for a whole number or amount of money."""

_DIGITS = "0-9零〇一二两三四五六七八九十百千万亿幺"
_NUMBER = rf"(?:百分之)?[{_DIGITS}]+(?:[.点,][{_DIGITS}]+)*%?"
CURRENCIES = "万?(?:元|圆|块钱?|美元|美金|港币|人民币)"
_NUMBERS = re.compile(
    rf"(?P<amount>{_NUMBER}{CURRENCIES}(?:[{_DIGITS}]+(?:[角毛]|分(?!钟))?)*)|{_NUMBER}"
)

_PAUSES = "\n，。！？；：、…,.!?;:"

_NEGATIONS = re.compile(
    # What looks like one and is none, first: 非常, 有没有 (which asks), 特别.
    r"(?P<none>非常|无论|不便|[分特区个]别|别[的人处]|(?P<asked>.)[不没](?P=asked))"
    r"|[不没未无非勿别]"
    r"|(?:Not|No|Never|Cannot|(?:Do|Does|Did|Is|Are|Was|Were|Wo|Ca|Could|Would|Should|Have|Has)nt)"
    r"(?![a-z])"
)


class _Table(dict[int, str]):
    """What each code point is written as, worked out once."""

    def __init__(self, *kept: str) -> None:
        super().__init__({ord(character): character for character in kept})


class _Plain(_Table):
    def __missing__(self, code: int) -> str:
        wide = widen(chr(code))
        self[code] = wide if len(wide) == 1 else chr(code)
        return self[code]


class _Heard(_Table):
    def __missing__(self, code: int) -> str:
        character = chr(code)
        mark = PAUSE if character in _PAUSES else SILENT
        self[code] = fold(character).strip("\n")[:1] or mark
        return self[code]


_plain = _Plain()
_heard = _Heard(NUMBER, AMOUNT)
_LATIN_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")


def spell(text: str, *, numbers: bool) -> str:
    """The text in letters and digits that are heard, and marks; as long as it was.

    Latin letters are small, but for the first of each word: so words stay apart without spaces.
    With `numbers`, each number or amount of money is a stand-in, filled up with SILENT.
    """
    plain = text.translate(_plain)
    if numbers:
        plain = _NUMBERS.sub(_stand_in, plain)
    letters = list(plain.translate(_heard))
    for word in _LATIN_WORD.finditer(plain):
        letters[word.start()] = letters[word.start()].upper()
    return "".join(letters)


def heard(spelt: str) -> str:
    """A spelt text without marks."""
    return spelt.translate({ord(SILENT): None, ord(PAUSE): None})


def find_negations(heard_text: str) -> frozenset[int]:
    """Where a spelt text without marks denies something: positions of the characters."""
    return frozenset(
        position
        for match in _NEGATIONS.finditer(heard_text)
        if not match["none"]
        for position in range(*match.span())
    )


def _stand_in(match: re.Match[str]) -> str:
    return (AMOUNT if match["amount"] else NUMBER).ljust(len(match[0]), SILENT)
