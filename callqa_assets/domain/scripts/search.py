"""Phrases in many texts at once, each phrase with as many errors as it may have.

Edit distance to the best substring that ends at each character (Sellers 1980), in bit vectors
(Myers 1999, in Hyyrö's form of 2003): one 64-bit number per text and pattern, all of them in one
numpy operation. Unlike in a comparison of strings, a position accepts a set of characters, so that
which reading of a character is meant need not be decided. What is found is aligned again one by
one, for its start and for what must not differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.scripts.phrases import Pattern
from callqa_assets.domain.scripts.spelling import (
    AMOUNT,
    NUMBER,
    PAUSE,
    SILENT,
    find_negations,
    heard,
)

_TEXTS_AT_ONCE = 512
"""Their state fits a processor's cache."""
_NEVER = 1_000
"""Cost of what must not differ: more than a phrase has positions."""
_CONTEXT = 3
"""Characters around a place that decide whether a negation is one: longer than 有没有."""
_ONE = np.uint64(1)


class Hit(NamedTuple):
    """Where a pattern was heard: `texts[text][start:end]`."""

    text: int
    pattern: int
    start: int
    end: int
    distance: int
    is_negated: bool = False
    """It fits but for a negation, which is missing, or which the phrase does not have."""


@dataclass(frozen=True)
class PhraseSearch:
    """Patterns, compiled for searching."""

    patterns: Sequence[Pattern]

    def find(self, texts: Sequence[str]) -> list[Hit]:
        """Every occurrence, by text, pattern and place; of those that overlap, the best.

        `texts` are spelt as `spelling.spell` does.
        """
        if not self.patterns:
            return []
        compact = [heard(text) for text in texts]
        longest_first = sorted(range(len(texts)), key=lambda number: -len(compact[number]))
        hits: list[Hit] = []
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            some = longest_first[first : first + _TEXTS_AT_ONCE]
            for lane, pattern, end in self._best_ends(self._find_ends([compact[i] for i in some])):
                number = some[lane]
                place = _locate(self.patterns[pattern], compact[number], end)
                if place is not None:
                    hits.append(_hit(number, pattern, place, texts[number]))
        return sorted(hits)

    @cached_property
    def _masks(self) -> dict[int, NDArray[np.uint64]]:
        """Code point to the positions of each pattern that accept it, as bits."""
        return {}

    def _mask(self, code: int) -> NDArray[np.uint64]:
        if code not in self._masks:
            bits = [
                sum(p.accepts(chr(code)) << i for i, p in enumerate(pattern.positions))
                for pattern in self.patterns
            ]
            self._masks[code] = np.array(bits, np.uint64)
        return self._masks[code]

    @cached_property
    def _limits(self) -> NDArray[np.int16]:
        return np.array([pattern.max_distance for pattern in self.patterns], np.int16)

    def _find_ends(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Rows (text, pattern, end, distance) wherever a distance is small enough.

        The longest text comes first, so that those that have ended are the last.
        """
        lengths = np.array([len(text) for text in texts])
        alphabet, codes = np.unique(
            np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32),
            return_inverse=True,
        )
        masks = np.array([self._mask(int(code)) for code in alphabet], np.uint64)
        starts = np.cumsum(lengths) - lengths
        sizes = np.array([len(pattern.positions) for pattern in self.patterns])
        last = _ONE << (sizes - 1).astype(np.uint64)

        plus = np.full((len(texts), len(sizes)), ~np.uint64(0))
        minus = np.zeros_like(plus)
        distance = np.tile(sizes.astype(np.int16), (len(texts), 1))
        found: list[NDArray[np.int64]] = [np.zeros((0, 4), np.int64)]
        for step in range(int(lengths.max(initial=0))):
            active = int(np.searchsorted(-lengths, -step, "left"))
            plus, minus, distance = plus[:active], minus[:active], distance[:active]
            equal = masks[codes[starts[:active] + step]]
            vertical = equal | minus
            horizontal = (((equal & plus) + plus) ^ plus) | equal
            more = minus | ~(horizontal | plus)
            less = plus & horizontal
            distance += (more & last) != 0
            distance -= (less & last) != 0
            more <<= _ONE
            less <<= _ONE
            plus = less | ~(vertical | more)
            minus = more & vertical
            where = np.argwhere(distance <= self._limits)
            if len(where):
                ends = np.full(len(where), step + 1)
                found.append(np.column_stack([where, ends, distance[tuple(where.T)]]))
        return np.concatenate(found)

    def _best_ends(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        """(text, pattern, end) of the best of each run of ends, the last of equally good ones."""
        rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
        apart = np.diff(rows[:, 2]) > 1 + self._limits[rows[1:, 1]]
        breaks = apart | np.any(np.diff(rows[:, :2], axis=0) != 0, axis=1)
        for run in np.split(rows, np.flatnonzero(breaks) + 1):
            if len(run):
                best = run[len(run) - 1 - np.argmin(run[::-1, 3])]
                yield int(best[0]), int(best[1]), int(best[2])


class _Place(NamedTuple):
    """Where a pattern was heard, in a text without marks."""

    start: int
    end: int
    distance: int
    is_negated: bool
    is_negated_before: bool
    """There is a negation before it, perhaps in another clause."""


def _locate(pattern: Pattern, text: str, end: int) -> _Place | None:
    """What ends there; None where a slot is missing, or a short phrase is part of a Latin word or
    of a number.
    """
    size = len(pattern.positions)
    first = max(0, end - size - pattern.max_distance)
    around = max(0, first - _CONTEXT)
    denied = find_negations(text[around : end + _CONTEXT])
    negations = {around + position - first for position in denied}
    if not pattern.max_distance:
        cut = _goes_on(text, first) or _goes_on(text, end)
        return None if cut else _Place(first, end, 0, False, -1 in negations)
    for counted in (negations, None):
        distance, start = _align(pattern, text[first:end], counted)
        if distance <= pattern.max_distance:
            return _Place(first + start, end, distance, counted is None, start - 1 in negations)
    return None


def _hit(number: int, pattern: int, place: _Place, text: str) -> Hit:
    """The place in the text with its marks."""
    positions = [at for at, character in enumerate(text) if character > PAUSE]
    start, end = positions[place.start], positions[place.end - 1] + 1
    if text[end - 1] in (NUMBER, AMOUNT):
        end += len(text[end:]) - len(text[end:].lstrip(SILENT))
    same_clause = place.start > 0 and PAUSE not in text[positions[place.start - 1] : start]
    is_negated = place.is_negated or (place.is_negated_before and same_clause)
    return Hit(number, pattern, start, end, place.distance, is_negated)


def _align(pattern: Pattern, text: str, negations: Collection[int] | None) -> tuple[int, int]:
    """Distance of the pattern to the best substring that ends where `text` does, and its start.

    `negations` are places in it; with None, negations count no more than other words do.
    """
    added = [_NEVER if negations and i in negations else 1 for i in range(len(text))]
    # (distance, start) of the positions so far, for what ends at each character.
    row = [(0, i) for i in range(len(text) + 1)]
    for position in pattern.positions:
        is_strict = position.is_slot or (position.is_negation and negations is not None)
        left_out = _NEVER if is_strict else 1
        above, row = row, [(row[0][0] + left_out, 0)]
        for i, character in enumerate(text):
            wrong = 0 if position.accepts(character) else max(left_out, added[i])
            row.append(
                min(
                    (above[i][0] + wrong, above[i][1]),
                    (above[i + 1][0] + left_out, above[i + 1][1]),
                    (row[i][0] + added[i], row[i][1]),
                )
            )
    return row[-1]


def _goes_on(text: str, at: int) -> bool:
    """Whether a Latin word or a number goes on at that place."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    in_word = before.isascii() and before.isalpha() and after.isascii() and after.islower()
    return in_word or (before.isdigit() and after.isdigit())
