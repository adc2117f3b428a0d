"""A phrase of a script as a sequence of positions, each of which accepts some characters.

Positions are compared by sound (`text.pinyin`). How far what was heard may differ from a phrase
follows from the phrase's length. Searching is in `search`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from callqa_assets.domain.scripts.spelling import (
    AMOUNT,
    CURRENCIES,
    NUMBER,
    find_negations,
    heard,
    spell,
)
from callqa_assets.domain.text.pinyin import is_han, readings, sounds

MAX_POSITIONS = 60
"""The search keeps a phrase in the bits of one 64-bit number."""
MIN_CHARACTERS = 2

_NAME = "\ue002"
_SLOTS = {"number": NUMBER, "amount": AMOUNT, "name": _NAME}
_SLOT = re.compile(r"\{([^{}]*)\}")
_NAME_LENGTHS = range(1, 5)
"""Characters of a Chinese name: 王 (先生), 王芳, 李小明, 欧阳文静."""
_AFTER_AMOUNT = re.compile(rf"\s*{CURRENCIES}")

_LETTERS_A_SYLLABLE = 3
"""Latin letters: about as English has."""


class PhraseError(ValueError):
    """A phrase that cannot be searched for; the message says why."""


@dataclass(frozen=True)
class Tolerance:
    """How much of a required phrase must have been heard."""

    min_score: float = 70.0
    """Lowest score: 100 where every syllable is right, less in proportion to those that are wrong,
    missing or added. What it costs: benchmarks/accuracy/scripts.py."""
    min_syllables: int = 6
    """Of shorter phrases every syllable must be right: with one wrong they are another phrase."""


@dataclass(frozen=True)
class Position:
    """One place in a phrase."""

    character: str
    """A literal character, or what stands for a slot."""
    by_class: bool
    """Syllables that are easily confused are the same; else only equal ones are."""
    is_negation: bool = False
    """It must be there, however long the phrase, as a slot must."""

    @property
    def is_slot(self) -> bool:
        return self.character in _SLOTS.values()

    def accepts(self, character: str) -> bool:
        """Whether this heard character, or stand-in for a number, fits."""
        if self.character == _NAME:
            return is_han(character) or (character.isascii() and character.isalpha())
        if self.is_slot or character in (NUMBER, AMOUNT):
            return self.character == character
        heard_as = sounds if self.by_class else readings
        return not heard_as(self.character).isdisjoint(heard_as(character))


@dataclass(frozen=True)
class Pattern:
    """One form of a phrase: names have a certain length in it."""

    positions: tuple[Position, ...]
    max_distance: int = 0
    """Most positions that may be wrong, missing or added."""

    @property
    def has_slots(self) -> bool:
        """It is searched for where each number is one character."""
        return any(position.is_slot for position in self.positions)

    def score(self, distance: int) -> float:
        """100 where every position is right, down to 0."""
        return 100.0 * (1 - distance / len(self.positions))


def tolerant_patterns(phrase: str, tolerance: Tolerance) -> tuple[Pattern, ...]:
    """A phrase that may be heard with errors; with none, where it is short.

    `{number}`, `{amount}` and `{name}` in it stand for any number, amount of money or name. Raises
    PhraseError.
    """
    return tuple(_allow_errors(text, tolerance) for text in _spell(phrase))


def exact_patterns(phrase: str) -> tuple[Pattern, ...]:
    """A phrase of which every syllable must be heard, or one that is easily confused with it."""
    return tuple(_pattern(text, by_class=True) for text in _spell(phrase))


def count_syllables(spelt: str) -> float:
    """Syllables of a phrase, about: a Latin letter counts a third."""
    letters = sum(c.isascii() and c.isalpha() for c in spelt)
    return len(spelt) - letters + letters / _LETTERS_A_SYLLABLE


def _spell(phrase: str) -> Iterator[str]:
    """The phrase as it is searched for, once for each length of its names."""
    literals, names = _SLOT.split(phrase)[::2], _SLOT.split(phrase)[1::2]
    if unknown := [name for name in names if name not in _SLOTS]:
        known = ", ".join(f"`{{{name}}}`" for name in _SLOTS)
        raise PhraseError(f"`{{{unknown[0]}}}` is no slot; choose from {known}")
    for number, name in enumerate(names, 1):
        if name == "amount":  # its currency is part of it
            literals[number] = _AFTER_AMOUNT.sub("", literals[number], count=1)
    spelt = [heard(spell(literal, numbers=bool(names))) for literal in literals]
    if len("".join(spelt)) < MIN_CHARACTERS:
        raise PhraseError(
            f"has fewer than {MIN_CHARACTERS} characters beside its slots and would be found "
            "everywhere; write more of the sentence"
        )
    for slots in product(*map(_forms, names)):
        text = "".join(words + slot for words, slot in zip(spelt, [*slots, ""], strict=True))
        if len(text) > MAX_POSITIONS:
            raise PhraseError(
                f"has {len(text)} characters, and at most {MAX_POSITIONS} can be searched for; "
                "write the part that matters, or make two items of it"
            )
        yield text


def _forms(slot: str) -> Sequence[str]:
    return [_NAME * length for length in _NAME_LENGTHS] if slot == "name" else [_SLOTS[slot]]


def _allow_errors(text: str, tolerance: Tolerance) -> Pattern:
    if count_syllables(text) < tolerance.min_syllables:
        return _pattern(text, by_class=False)
    share = 1 - tolerance.min_score / 100
    return _pattern(text, by_class=True, max_distance=int(len(text) * share + 1e-9))


def _pattern(text: str, *, by_class: bool, max_distance: int = 0) -> Pattern:
    negations = find_negations(text)
    positions = (Position(c, by_class, i in negations) for i, c in enumerate(text))
    return Pattern(tuple(positions), max_distance)
