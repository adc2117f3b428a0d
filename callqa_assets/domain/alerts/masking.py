"""Hiding the numbers by which a person or an account is found: phone, identity card, bank card.

For texts that leave the house. What is stored in the tables stays as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MASK = "****"
_PAUSE = "\x1e"
"""Between two pieces of what one person said; like a space to the expressions below."""

# What stands between the digits of a number that is dictated or written in groups.
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
    """A name or id with mobile and identity-card numbers hidden; other digits make it what it is.

    `13800138000` becomes `138****8000`.
    """
    return _MOBILE.sub(rf"\1\2{_MASK}\3", _IDENTITY_CARD.sub(_keep_last_four, text))


def mask_text(text: str) -> str:
    """A transcript with every run of 7 digits or more hidden but for its last four.

    Digits may be written, full-width, Chinese (一三八 …) or English words, and in groups. Mobile
    numbers keep their first three as well. Amounts of seven digits are hidden with the rest: a
    message that lacks an amount does less harm than one with a number too many.
    """
    masked = _MOBILE.sub(rf"\1\2{_MASK}\3", text)
    return _SPELLED.sub(_mask_pieces, _RUN.sub(_keep_last_four, masked))


def mask_texts(texts: Sequence[str]) -> list[str]:
    """`mask_text` of what one person said in several pieces: a number goes on behind a pause."""
    return mask_text(_PAUSE.join(text.replace(_PAUSE, " ") for text in texts)).split(_PAUSE)


def _mask_pieces(run: re.Match[str]) -> str:
    """The mask, once for each piece in which the number is said."""
    return _PAUSE.join([_MASK] * (run.group().count(_PAUSE) + 1))


def _keep_last_four(run: re.Match[str]) -> str:
    """The mask and the last four digits; a mobile number in groups keeps its first three too."""
    digits = "".join(re.findall(rf"{_DIGIT}|[Xx]", run.group()))
    head = digits[:3] if len(digits) == 11 and digits[0] in "1１一幺" else ""
    return f"{head}{_mask_pieces(run)}{digits[-4:]}"
