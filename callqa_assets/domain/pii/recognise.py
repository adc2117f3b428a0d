"""All recognisers over consecutive texts of one channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from callqa_assets.domain.pii.addresses import find_addresses
from callqa_assets.domain.pii.digits import INVISIBLE
from callqa_assets.domain.pii.identifiers import (
    find_codes,
    find_emails,
    find_passports,
    find_plates,
)
from callqa_assets.domain.pii.names import find_names
from callqa_assets.domain.pii.numbers import BLANK, find_amounts, find_numbers
from callqa_assets.domain.pii.spans import PAUSE, Found, Part, PiiSpan

_IN_ORDER: tuple[Callable[[str], Iterable[Found]], ...] = (
    find_emails,
    find_passports,
    find_plates,
    find_codes,
)
"""Before numbers, which would cut them; then, in what no number covers, addresses and names."""


def find_pii(texts: Sequence[str]) -> list[list[PiiSpan]]:
    """Personal data in each of these texts, ascending and disjoint.

    They are consecutive texts of one channel: a number or an address may go on in the next.
    """
    visible = [INVISIBLE.sub("", text.replace(PAUSE, " ")) for text in texts]
    found = _find(PAUSE.join(visible))
    starts = [0, *accumulate(len(text) + 1 for text in visible)]
    spans: list[list[PiiSpan]] = [[] for _ in texts]
    number = 0
    for one in found:
        while one.start >= starts[number + 1]:
            number += 1
        for at, part in _parts(one, starts, number):
            start = max(0, one.start - starts[at])
            end = min(len(visible[at]), one.end - starts[at])
            if start < end:
                start, end = _in_original(texts[at], visible[at], start, end)
                spans[at].append(PiiSpan(start, end, one.kind, one.checked, one.confidence, part))
    return spans


def _find(text: str) -> list[Found]:
    """Everything, ascending; nothing is found twice."""
    found: list[Found] = []
    for recogniser in _IN_ORDER:
        text = _take(text, recogniser(text), found)
    for start, end in find_amounts(text):
        text = f"{text[:start]}{BLANK * (end - start)}{text[end:]}"
    for recogniser in (find_numbers, find_addresses, find_names):
        text = _take(text, recogniser(text), found)
    return sorted(found)


def _take(text: str, candidates: Iterable[Found], found: list[Found]) -> str:
    """The text without what was found in it, which goes to `found`."""
    for one in candidates:
        if BLANK not in text[one.start : one.end]:
            found.append(one)
            text = f"{text[: one.start]}{BLANK * (one.end - one.start)}{text[one.end :]}"
    return text


def _parts(one: Found, starts: Sequence[int], first: int) -> Iterable[tuple[int, Part]]:
    """The texts over which it goes, by number, and which part of it each holds."""
    last = first
    while one.end > starts[last + 1]:
        last += 1
    if first == last:
        yield first, "whole"
        return
    yield first, "first"
    for middle in range(first + 1, last):
        yield middle, "middle"
    yield last, "last"


def _in_original(text: str, visible: str, start: int, end: int) -> tuple[int, int]:
    """Positions in a text with invisible characters, of positions in it without."""
    if len(text) == len(visible):
        return start, end
    kept = [place for place, character in enumerate(text) if not INVISIBLE.match(character)]
    return kept[start], kept[end - 1] + 1
