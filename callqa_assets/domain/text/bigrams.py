"""Search for any part of a text: overlapping pairs of characters, whatever the script.

A text is normalised (width, case, punctuation), cut at what blanks remain, and each run becomes its
overlapping pairs and its last character. A query becomes the same pairs, which must follow one
another; a last single character must begin a pair. So a text is found by exactly the parts that its
normalised form contains: two characters, numbers, English, across punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

VERSION = 1
"""Raised when tokens change: an index of another version is to be built again."""


class _Characters(dict[int, str]):
    """What becomes of a character: itself, or a blank; for `str.translate`, remembered."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        # Letters, numbers and marks that databases of 2012 know, so that tokens are the same
        # everywhere: SQLite's tokeniser has the characters of Unicode 6.1.
        known = unicodedata.ucd_3_2_0.category(character)[0] in "LN" or character == "."
        self[code] = character if known else " "
        return self[code]


_CHARACTERS = _Characters()
_WIDE = r"⺀-鿿가-힣豈-﫿𠀀-𯿿"
_LONE_POINT = re.compile(r"(?<!\d)\.|\.(?!\d)", re.ASCII)
_BLANKS = re.compile(rf"(?<=[{_WIDE}]) +| +(?=[{_WIDE}])")
_MANY_BLANKS = re.compile(r" {2,}")


class Query(NamedTuple):
    """A query as tokens in the order in which they must follow one another."""

    tokens: tuple[str, ...]
    is_prefix: bool
    """The last token is a single character that need only begin a token."""


def normalise(text: str) -> str:
    """Plain width, no case; letters and digits, a point inside a number, blanks between words.

    Blanks and punctuation beside wide characters go: they are a model's guess.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = _LONE_POINT.sub(" ", folded.translate(_CHARACTERS))
    return _MANY_BLANKS.sub(" ", _BLANKS.sub("", kept)).strip()


def tokenise(normalised: str) -> list[str]:
    """The tokens of a normalised text, in order."""
    tokens: list[str] = []
    for run in normalised.split(" "):
        tokens += [run[i : i + 2] for i in range(len(run) - 1)]
        tokens += run[-1:]
    return tokens


def tokenise_query(normalised: str) -> Query:
    """The tokens that a text must hold one after the other to hold this normalised query."""
    *whole, last = normalised.split(" ")
    tokens = [token for run in whole for token in tokenise(run)]
    tokens += [last[i : i + 2] for i in range(len(last) - 1)] or list(last)
    return Query(tuple(tokens), is_prefix=len(last) == 1)


def find_places(text: str, normalised_query: str) -> list[tuple[int, int]]:
    """Where a text holds a normalised query: (start, end) in characters of the text as it is."""
    normalised = normalise(text)
    at = normalised.find(normalised_query)
    if not normalised_query or at < 0:
        return []
    # Characters of the text up to which so many of the normalised ones are made: several may
    # become one (a letter and its accent), and one several ('㈱').
    made = [0, *accumulate(map(_count_made, _beginnings(text)), max)]
    places: list[tuple[int, int]] = []
    while at >= 0:
        after = at + len(normalised_query)
        before = at - normalised.count(" ", 0, at)
        start = bisect_right(made, before) - 1
        end = bisect_left(made, after - normalised.count(" ", 0, after))
        while normalised_query not in normalise(text[start:end]) and end < len(text):
            end += 1  # an accent that follows its letter
        places.append((start, end))
        at = normalised.find(normalised_query, after)
    return places


def _beginnings(text: str) -> Iterator[str]:
    return (text[:end] for end in range(1, len(text) + 1))


def _count_made(beginning: str) -> int:
    """Normalised characters of a text, but for blanks: those may go with what follows."""
    return len(normalise(beginning).replace(" ", ""))
