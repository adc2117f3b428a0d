"""Where phrases are said: search in the words of many segments at once.

Phrases are compared as letters and digits alone; regular expressions see the text as it was
transcribed. What follows from a phrase stands in `alerting_conditions`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs]

MAX_PROGRAM_SIZE = 2_000
"""Steps of a compiled regular expression: time a character of text grows with them."""
_MAX_MEMORY_BYTES = 1 << 20

_NO_LETTER = re.compile(r"[^\w\n]|_")


def widen(text: str) -> str:
    """Full-width and other compatibility forms as plain ones (NFKC); nothing is left out."""
    return unicodedata.normalize("NFKC", text)


def fold(text: str) -> str:
    """Letters and digits alone, width and case levelled; line ends are kept."""
    return _NO_LETTER.sub("", widen(text).casefold())


@lru_cache(maxsize=1024)
def compile_regex(pattern: str) -> Any:
    """A linear-time matcher that never crosses a line end. Raises re2.error."""
    options: Any = re2.Options()
    options.case_sensitive = False
    options.never_nl = True
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    re2.compile(pattern, options=options)  # alone first: `a)|(b` is refused, not wrapped
    return re2.compile(f"(?m)(?:{pattern})", options=options)
