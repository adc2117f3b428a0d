"""Check digits and plausibility of identity and bank cards, on ASCII digits."""

from __future__ import annotations

import re
from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
"""GB 11643-1999: by the weighted sum modulo 11."""

_REGION = re.compile(r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[0-9])(?!00)")
"""GB/T 2260; 81 to 83: residents from Hong Kong, Macao and Taiwan; 9: foreigners, and then the
region that issued the card."""

_FIRST_YEAR, _LAST_YEAR = 1880, 2100


def has_identity_shape(digits: str) -> bool:
    """Whether 18 characters, or 15 of the cards before 1999, hold a region and a date of birth."""
    if len(digits) == 18:
        body, birth = digits[:17], digits[6:14]
    elif len(digits) == 15:
        body, birth = digits, f"19{digits[6:12]}"
    else:
        return False
    return body.isdigit() and _REGION.match(body) is not None and _is_date(birth)


def is_identity_card(digits: str) -> bool:
    """Whether 18 characters are an identity card number whose check character is right."""
    if len(digits) != 18 or not has_identity_shape(digits):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits[:17], strict=True))
    return _CHECK_CHARACTERS[total % 11] == digits[17].upper()


def is_bank_card(digits: str) -> bool:
    """Whether 13 to 19 digits pass Luhn's test (ISO/IEC 7812-1), and do not begin with a date.

    Order and call numbers begin with dates or zeros; of other numbers one in ten passes by chance.
    """
    if not 13 <= len(digits) <= 19 or not digits.isdigit() or digits[0] == "0":
        return False
    if digits[:2] in ("19", "20") and _is_date(digits[:8]):
        return False
    return passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_date(digits: str) -> bool:
    try:
        year = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).year
    except ValueError:
        return False
    return _FIRST_YEAR <= year <= _LAST_YEAR
