"""Masking of numbers that identify a person or an account: phone, identity card, bank card.

For text in messages to receivers. The tables keep the transcripts unmasked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MASK = "****"
_PAUSE = "\x1e"
"""Separates consecutive texts of one channel; the expressions below treat it like a space."""

# What may separate the digits of a number that is dictated or written in groups.
_BETWEEN = rf"[ \t\-‐-—.,，、。·/()（）嗯呃额啊哦{_PAUSE}]{{0,4}}"
_DIGIT = r"[0-9０-９零〇一二三四五六七八九幺两]"
_WORD = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)"
_MIN_DIGITS = 7
"""Shorter runs are amounts, dates and hotlines (95588); the shortest phone number has 7."""

_MOBILE = re.compile(
    r"(?<![0-9])((?:(?:\+|00)?86[ -]?)?)(1[3-9][0-9])[ -]?[0-9]{4}[ -]?([0-9]{4})(?![0-9])"
)
_IDENTITY_CARD = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
_RUN = re.compile(rf"{_DIGIT}(?:{_BETWEEN}{_DIGIT}){{{_MIN_DIGITS - 1},}}[Xx]?")
_SPELLED = re.compile(
    rf"\b{_WORD}(?:[\s,.\-]+{_WORD}){{{_MIN_DIGITS - 1},}}\b", flags=re.IGNORECASE
)


def mask_identifier(text: str) -> str:
    """A name or id with mobile and identity-card numbers masked; other digits are kept.

    `13800138000` becomes `138****8000`.
    """
    return _MOBILE.sub(rf"\1\2{_MASK}\3", _IDENTITY_CARD.sub(_keep_last_four, text))


def mask_text(text: str) -> str:
    """A transcript in which every run of 7 or more digits is masked except for its last four.

    Digits may be ASCII, full-width, Chinese (一三八 …) or English words, and in groups. Mobile
    numbers keep their first three digits as well. Amounts of seven digits are masked too: a
    message without an amount does less harm than one with a personal number.
    """
    masked = _MOBILE.sub(rf"\1\2{_MASK}\3", text)
    return _SPELLED.sub(_mask_each_text, _RUN.sub(_keep_last_four, masked))


def mask_texts(texts: Sequence[str]) -> list[str]:
    """`mask_text` of consecutive texts of one channel: a number may continue after a pause."""
    return mask_text(_PAUSE.join(text.replace(_PAUSE, " ") for text in texts)).split(_PAUSE)


def _mask_each_text(run: re.Match[str]) -> str:
    """The mask, once for each text that the number spans."""
    return _PAUSE.join([_MASK] * (run.group().count(_PAUSE) + 1))


def _keep_last_four(run: re.Match[str]) -> str:
    """The mask and the last four digits; a mobile number in groups keeps its first three too."""
    digits = "".join(re.findall(rf"{_DIGIT}|[Xx]", run.group()))
    head = digits[:3] if len(digits) == 11 and digits[0] in "1１一幺" else ""
    return f"{head}{_mask_each_text(run)}{digits[-4:]}"
