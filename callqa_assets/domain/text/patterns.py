"""Comparison of texts: folded letters and digits, and regular expressions in linear time."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs]

_NO_LETTER = re.compile(r"[^\w\n]|_")


def widen(text: str) -> str:
    """Full-width and other compatibility forms as plain ones (NFKC); nothing is left out."""
    return unicodedata.normalize("NFKC", text)


def fold(text: str) -> str:
    """Letters and digits alone, regardless of width and case; line ends are kept."""
    return _NO_LETTER.sub("", widen(text).casefold())


MAX_PROGRAM_SIZE = 2_000
"""Steps of a compiled regular expression: the time per character of text grows with them."""

_MAX_MEMORY_BYTES = 1 << 20


class RegexError(ValueError):
    """A pattern that RE2 refuses; the message says why."""


@lru_cache(maxsize=1024)
def compile_regex(pattern: str) -> Any:
    """A linear-time matcher that never matches across a line end. Raises RegexError."""
    library: Any = re2
    options = library.Options()
    options.case_sensitive = False
    options.never_nl = True
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        library.compile(pattern, options=options)  # alone first: `a)|(b` is refused, not wrapped
        return library.compile(f"(?m)(?:{pattern})", options=options)
    except library.error as error:
        message = error.args[0]
        raise RegexError(
            message.decode(errors="replace") if isinstance(message, bytes) else message
        ) from None
