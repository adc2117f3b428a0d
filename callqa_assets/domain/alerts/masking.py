"""Masking of numbers that identify a person or an account: phone, identity card, bank card.

For text in messages to receivers. The tables keep the transcripts unmasked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_MASK = "****"
_PAUSE = "\x1e"
"""Separates consecutive texts of one channel; the expressions below treat it like a space."""

# Characters without a width of their own between digits, and the frame of keycap digits.
_INVISIBLE = re.compile(r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0f\ufeff\u20e3]")
# What may separate the digits of a number that is dictated or written in groups.
_BETWEEN = (
    r"(?:[\s\-‐-―－﹣~～_＿.．,，、。·•/／+＋()（）嗯呃额啊哦哎诶欸再]"
    r"|然后|接着|最后|后面|后边|那个){0,8}"
)
# Decimal digits of any script; Chinese, financial (壹), circled and raised ones.
_DIGIT = (
    r"[\d零〇一二三四五六七八九幺两壹贰貳叁參肆伍陆陸柒捌玖"
    r"⓪①-⑨⓿❶-❾➀-➈➊-➒⓵-⓽⑴-⑼⒈-⒐⁰¹²³⁴-⁹₀-₉]"
)
_WORD = r"\b(?:zero|oh?|one|two|three|four|five|six|seven|eight|nine|double|triple)\b"
_MIN_DIGITS = 7
"""Shorter runs are amounts, dates and hotlines (95588); the shortest phone number has 7."""

_GROUP_END = rf"[^\w{_PAUSE}]{{0,8}}_?"
_MOBILE = re.compile(
    rf"(?<!{_DIGIT})((?:(?:[+＋]|[0０]{{2}})?[8８][6６][\s\-－]*)?)"
    rf"({_DIGIT}{{3}}){_GROUP_END}{_DIGIT}{{4}}{_GROUP_END}({_DIGIT}{{4}})(?!{_DIGIT})"
)
_IDENTITY_CARD = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
_SPOKEN = rf"(?:{_DIGIT}|{_WORD})"
_RUN = re.compile(
    rf"{_SPOKEN}(?:{_BETWEEN}{_SPOKEN}){{{_MIN_DIGITS - 1},}}[Xx]?", flags=re.IGNORECASE
)


def mask_identifier(text: str) -> str:
    """A name or id with mobile and identity-card numbers masked; other digits are kept.

    `13800138000` becomes `138****8000`. Characters that nobody sees are left out.
    """
    visible = _INVISIBLE.sub("", text)
    return _MOBILE.sub(_mask_mobile, _IDENTITY_CARD.sub(_mask_run, visible))


def mask_text(text: str) -> str:
    """A transcript in which every run of 7 or more digits is masked except for its last four.

    Digits may be of any script, full-width, circled, Chinese (一三八, 壹叁捌) or English words, and
    in groups; a run with English words is masked whole. Mobile numbers keep their first three
    digits as well. Amounts of seven digits are masked too: a message without an amount does less
    harm than one with a personal number. Characters that nobody sees are left out.
    """
    return _RUN.sub(_mask_run, _MOBILE.sub(_mask_mobile, _INVISIBLE.sub("", text)))


def mask_texts(texts: Sequence[str]) -> list[str]:
    """`mask_text` of consecutive texts of one channel: a number may continue after a pause."""
    return mask_text(_PAUSE.join(text.replace(_PAUSE, " ") for text in texts)).split(_PAUSE)


def _mask_each_text(run: re.Match[str]) -> str:
    """The mask, once for each text that the number spans."""
    return _PAUSE.join([_MASK] * (run.group().count(_PAUSE) + 1))


def _mask_mobile(number: re.Match[str]) -> str:
    """A number grouped 3, 4, 4; unchanged where it is no mobile number."""
    prefix, head, tail = number.groups()
    return f"{prefix}{head}{_MASK}{tail}" if _begins_mobile(head) else number.group()


def _begins_mobile(digits: str) -> bool:
    first, second = (unicodedata.numeric(digit, 2) for digit in digits[:2])  # 两 has no value
    return first == 1 and second >= 3


def _mask_run(run: re.Match[str]) -> str:
    """The mask and the last four digits; a mobile number in groups keeps its first three too."""
    if re.search(_WORD, run.group(), flags=re.IGNORECASE):
        return _mask_each_text(run)
    digits = "".join(re.findall(rf"{_DIGIT}|[Xx]", run.group()))
    head = digits[:3] if len(digits) == 11 and unicodedata.numeric(digits[0], 2) == 1 else ""
    return f"{head}{_mask_each_text(run)}{digits[-4:]}"
