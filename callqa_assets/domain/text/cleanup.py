"""Cleanup of transcripts: simplified characters, repetition loops.

Numerals are in `itn`, comparison of texts in `patterns`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast


@dataclass(frozen=True)
class LoopConfig:
    """When a repetition is a decoder's loop rather than a caller saying 对对对."""

    min_repeats: int = 4
    """A phrase repeated fewer times than this is speech."""
    min_words: int = 12
    """So is a repetition of fewer words than this in total (对 five times, 8888 8888)."""
    max_phrase_words: int = 24


def simplify(text: str) -> str:
    """Traditional to simplified characters (OpenCC t2s); every other character is kept.

    The length stays the same: t2s maps single characters, phrases only select candidates.
    """
    return _t2s().convert(text)


class _Converter(Protocol):
    def convert(self, string: str) -> str: ...


@cache
def _t2s() -> _Converter:
    from opencc import OpenCC  # pyright: ignore[reportMissingTypeStubs]  # noqa: PLC0415

    return cast(_Converter, OpenCC("t2s"))


def compression_ratio(text: str) -> float:
    """Bytes of the text divided by bytes of its zlib form; above 2.4 Whisper decodes again (Radford
    et al. 2022, section 4.5)."""
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded))


def cut_loops(words: Sequence[str], config: LoopConfig) -> list[int]:
    """Indices of the words that remain when every loop is reduced to its first turn."""
    kept: list[int] = []
    position = 0
    while position < len(words):
        phrase, turns = _loop_at(words, position, config)
        kept.extend(range(position, position + phrase))
        position += phrase * turns
    return kept


def _loop_at(words: Sequence[str], position: int, config: LoopConfig) -> tuple[int, int]:
    """Words and turns of the loop that begins here; (1, 1) where none does."""
    longest = min(config.max_phrase_words, (len(words) - position) // config.min_repeats)
    for phrase in range(1, longest + 1):
        turns = 1
        first = words[position : position + phrase]
        while words[position + turns * phrase : position + (turns + 1) * phrase] == first:
            turns += 1
        if turns >= config.min_repeats and turns * phrase >= config.min_words:
            return phrase, turns
    return 1, 1
