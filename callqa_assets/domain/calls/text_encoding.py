"""Bytes of a sidecar or manifest as text: its encoding is told by a mark, or found out."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks. UTF-32's is tried first: it begins with that of UTF-16."""

_GUESSED = ("gb18030", "big5", "cp1252")
"""What Chinese and Western systems write that do not write Unicode."""

_MIN_COMMON_SHARE = 0.9
"""Of the characters of Chinese text in GBK: nearly all are among the 6,763 of GB 2312. Of text in
Big5, read as GBK, about 60 % are."""

_MIN_NUL_SHARE = 0.2
"""Of the bytes of UTF-16 without a mark: every ASCII character has one. A Chinese sidecar has
ASCII in its keys and quotes."""

_MAX_SAMPLE_BYTES = 50_000


class UnknownEncodingError(ValueError):
    """Bytes that are text in no encoding that is known here."""


def decode_text(raw: bytes, declared: str | None = None) -> tuple[str, str | None]:
    """The text without NUL and byte order mark, and the encoding where it had to be assumed.

    By a byte order mark, else as UTF-8, else as `declared` (by the file itself), else UTF-16
    where every other byte is NUL, else by what the characters look like.

    Raises UnknownEncodingError.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _strictly(raw[len(mark) :], encoding), None
    if utf16 := _utf16_without_mark(raw):
        return _strictly(raw, utf16), utf16.upper()
    try:
        return raw.decode().replace("\0", ""), None
    except UnicodeDecodeError:
        pass
    if declared is not None:
        try:
            return _strictly(raw, declared), None
        except LookupError:  # no such encoding
            pass
    encoding = _guess(raw)
    return _strictly(raw, encoding), encoding.upper()


def _strictly(raw: bytes, encoding: str) -> str:
    try:
        # Without NUL, which is part of no text and which PostgreSQL's JSON cannot hold.
        return raw.decode(encoding).replace("\0", "")
    except UnicodeDecodeError as error:
        raise UnknownEncodingError(encoding) from error


def _utf16_without_mark(raw: bytes) -> str | None:
    sample = raw[:_MAX_SAMPLE_BYTES]
    if len(raw) % 2 or len(sample) < 4:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < _MIN_NUL_SHARE * len(sample) or min(even, odd) > 0.1 * max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _guess(raw: bytes) -> str:
    # Lines of ASCII alone tell nothing, and drown the others.
    lines = [line for line in re.split(rb"[\r\n]+", raw) if not line.isascii()]
    sample = b"\n".join(lines)[:_MAX_SAMPLE_BYTES]
    if len(sample) == _MAX_SAMPLE_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        foreign = [char for char in sample.decode("gb18030") if not char.isascii()]
    except UnicodeDecodeError:
        pass
    else:
        common = sum(_is_in_gb2312(char) for char in foreign)
        if common >= _MIN_COMMON_SHARE * len(foreign):
            return "gb18030"
    # Short text of few common characters: by its look.
    best = from_bytes(sample, cp_isolation=list(_GUESSED)).best()
    if best is None:
        raise UnknownEncodingError("no encoding fits")
    return best.encoding


def _is_in_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
