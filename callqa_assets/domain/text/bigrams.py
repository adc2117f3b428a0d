"""Search for any part of a text: overlapping pairs of characters, whatever the script.

A text is normalised (width, case, punctuation), cut at what blanks remain, and each run becomes its
overlapping pairs and its last character. A query becomes the same pairs, which must follow one
another; a last single character must begin a pair. So a text is found by exactly the parts that its
normalised form contains: two characters, numbers, English, across punctuation.
"""

from __future__ import annotations

import re
import unicodedata
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
    places: list[tuple[int, int]] = []
    normalised, origins = _normalise_with_origins(text)
    at = normalised.find(normalised_query)
    while normalised_query and at >= 0:
        end = at + len(normalised_query)
        places.append((origins[at], origins[end - 1] + 1))
        at = normalised.find(normalised_query, end)
    return places


def _normalise_with_origins(text: str) -> tuple[str, list[int]]:
    """The normalised text, and for each of its characters the one of the text it comes from."""
    normalised = normalise(text)
    origins: list[int] = []
    position = 0
    for wanted in normalised:
        if wanted == " ":
            origins.append(position)
            continue
        while True:
            made = normalise(text[position : position + 1]) if wanted != "." else text[position]
            made = unicodedata.normalize("NFKC", made)
            if wanted in made:
                origins.append(position)
                break
            position += 1
        # Several may come from one character, as in '㈱': it is left when it is used up.
        same = [n for n in origins if n == position]
        if len(same) >= len(made):
            position += 1
    return normalised, origins
