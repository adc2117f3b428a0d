"""Numbers: read from spoken Chinese, written in digits. Their context is in `grammar`."""

from __future__ import annotations

import re

_VALUES = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "幺": 1,
    "洞": 0,
    "拐": 7,
    "勾": 9,
}
_TO_DIGITS = str.maketrans({character: str(value) for character, value in _VALUES.items()})
_LONGEST_CARDINAL = 40
"""In characters: 9999万9999亿9999万9999 in words has 33."""
_LARGE_UNITS = (("亿", 10**8), ("万", 10**4))
_BELOW_10000 = re.compile(
    r"(?:(?P<thousands>[一二两三四五六七八九])千)?"
    r"(?:[零〇]?(?P<hundreds>[一二两三四五六七八九])百)?"
    r"(?:[零〇]?(?P<tens>[一二三四五六七八九]?)十)?"
    r"(?P<gap>[零〇]?)(?P<ones>[一二三四五六七八九]?)"
)
_DECIMAL = re.compile(r"(?P<whole>.+)点(?P<fraction>[零〇一二三四五六七八九]+)(?P<unit>[万亿]?)")
_READ_OUT = re.compile("[零〇幺一二三四五六七八九0-9]+")
_WRITTEN = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def read_digits(spoken: str) -> str:
    """Digits read out one by one: 幺三八 → 138."""
    return spoken.translate(_TO_DIGITS)


def read_cardinal(spoken: str) -> int | None:
    """一万两千三百 → 12300, 三万五 → 35000 (the last unit left unsaid), 两 → 2.

    None where the characters are not a well-formed number: 三四百, 百八十, 二零二五.
    """
    if len(spoken) > _LONGEST_CARDINAL:
        return None
    if len(spoken) == 1 and spoken in "零〇两":
        return _VALUES[spoken]
    for name, unit in _LARGE_UNITS:
        head, found, tail = spoken.partition(name)
        if found:
            return _read_large(head, unit, tail)
    return _read_below_10000(spoken)


def _read_large(head: str, unit: int, tail: str) -> int | None:
    count = read_cardinal(head)
    if not count or (unit == 10**4 and count >= 10**4) or head[0] in "零〇":
        return None
    if not tail:
        return count * unit
    if len(tail) == 1 and tail in "一二三四五六七八九":
        return count * unit + _VALUES[tail] * unit // 10
    rest = read_cardinal(tail.lstrip("零〇"))
    if not rest or rest >= unit or tail[-1] == "两":
        return None
    if tail[0] in "零〇" and leaves_unit_unsaid(tail):
        return None
    return count * unit + rest


def _read_below_10000(spoken: str) -> int | None:
    match = _BELOW_10000.fullmatch(spoken)
    if not match or not spoken or spoken[0] in "零〇":
        return None
    thousands, hundreds, tens, ones = match.group("thousands", "hundreds", "tens", "ones")
    if bool(match["gap"]) and not ones:
        return None
    value = 1000 * _VALUES.get(thousands, 0) + 100 * _VALUES.get(hundreds, 0)
    if tens is not None:
        value += 10 * _VALUES.get(tens, 1)
    if not ones:
        return value
    unit = 1
    if leaves_unit_unsaid(spoken):
        unit = 10 if hundreds else 100
    return value + unit * _VALUES[ones]


def leaves_unit_unsaid(spoken: str) -> bool:
    """Whether it is like 三百五 for 350: never said before a measure word, except money's."""
    return len(spoken) > 1 and spoken[-2] in "百千万亿" and spoken[-1] in "一二三四五六七八九"


def write_cardinal(value: int) -> str:
    """Whole multiples of 万 and 亿 keep these words (50万, 1亿2000万); all else is written out."""
    if value < 10**4 or value % 10**4:
        return str(value)
    hundred_millions, ten_thousands = divmod(value // 10**4, 10**4)
    written = f"{write_cardinal(hundred_millions)}亿" if hundred_millions else ""
    return written + (f"{ten_thousands}万" if ten_thousands else "")


def write_number(spoken: str) -> str | None:
    """A cardinal or a decimal in digits; digits stay. None where it is neither."""
    if _WRITTEN.fullmatch(spoken):
        return spoken
    if decimal := _DECIMAL.fullmatch(spoken):
        whole = write_whole(decimal["whole"])
        return whole and f"{whole}.{read_digits(decimal['fraction'])}{decimal['unit']}"
    value = read_cardinal(spoken)
    return write_whole(spoken) if value is None else write_cardinal(value)


def write_whole(spoken: str) -> str | None:
    """A whole number without 万 and 亿: a cardinal, or digits read out."""
    value = read_cardinal(spoken)
    if value is not None:
        return str(value)
    return read_digits(spoken) if is_read_out(spoken) else None


def write_amount(spoken: str) -> str | None:
    """What stands before 块五: exact, so that even two digits (三五) are read out."""
    return write_whole(spoken) or (read_digits(spoken) if _READ_OUT.fullmatch(spoken) else None)


def is_read_out(spoken: str) -> bool:
    """Digits that can only have been said one by one: three and more, and 八零, 幺五. Others are
    approximations (三五, 七八) or words (零零散散)."""
    if not _READ_OUT.fullmatch(spoken):
        return False
    digits = read_digits(spoken)
    if len(spoken) != 2 or spoken == digits:
        return len(spoken) > 2 or spoken == digits
    return "幺" in spoken or ("0" in digits and digits != "00")
