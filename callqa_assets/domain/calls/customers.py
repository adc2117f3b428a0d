"""Which calls are the same customer's: numbers in one spelling, and their keyed hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from callqa_assets.domain.calls.foreign_text import is_rounded_number

_SCHEME = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_BEHIND_NUMBER = re.compile(r"[@;,#].*|(?:ext\.?|x|转|分机).*|\.0$", re.IGNORECASE)
"""The host of a SIP address, an extension, what a spreadsheet appends."""
_SEPARATORS = re.compile(r"[\s\-‐-―_./()~]")
_COUNTRY = re.compile(r"^(?:\+86|0086|86(?=1[3-9]\d{9}$))")
_MIN_DIGITS = 3
"""Shorter ones are no caller's: `0`, `1`, `-1` stand for a number that was withheld."""
_NOBODY = {
    *("anonymous", "unknown", "private", "restricted", "withheld", "unavailable", "hidden"),
    *("none", "null", "nil", "na", "nan", "noname", "guest", "test"),
    *("未知", "匿名", "无", "隐藏", "保密", "隐藏号码", "未知号码", "无主叫", "无号码"),
}


def normalise_customer(customer_id: str | None) -> str | None:
    """A customer's number or id in one spelling; None where it identifies nobody.

    `+86 138-0013-8000`, `0086 13800138000`, `013800138000` and `tel:13800138000` are one number; so
    are `010-88886666`, `+86 10 88886666` and `(010) 88886666 转 12`. Nobody's: a withheld number,
    under any name or as one digit repeated, a masked one, and one that a spreadsheet rounded.
    """
    text = unicodedata.normalize("NFKC", customer_id or "").strip()
    if "*" in text or is_rounded_number(text):
        return None
    text = _SCHEME.sub("", text)
    number = _SEPARATORS.sub("", _BEHIND_NUMBER.sub("", text))
    if re.fullmatch(r"\+?\d+", number):
        digits = _COUNTRY.sub("", number).lstrip("+0")
        is_caller = len(digits) >= _MIN_DIGITS and len(set(digits)) > 1
        return digits if is_caller else None
    name = _SEPARATORS.sub("", text).casefold()
    return None if name.partition("@")[0] in {"", *_NOBODY} else name


def hash_customer(normalised: str, key: bytes) -> str:
    """HMAC-SHA256 hex. Without the key, a hash of 11 digits is found by trying all of them."""
    return hmac.new(key, normalised.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
