"""Inverse text normalisation: spoken Chinese numerals become the digits a clerk would write.

二零二五年三月十五号 → 2025年3月15号, 一百五十八块五 → 158.5元, 幺三八… → 138…; idioms and small
counts (一心一意, 一会儿, 一个问题) stay. `numerals` reads and writes numbers, `lexicon` holds the
words, `grammar` the expressions in the order in which they are tried. Script and repetition are in
`text.cleanup`.
"""

from __future__ import annotations

from dataclasses import dataclass

from callqa_assets.domain.text.itn.grammar import find_replacements

__all__ = ["VERSION", "Normalized", "TextEdit", "normalize"]

VERSION = "3"
"""Part of the transcripts' fingerprint: raise it whenever any output changes."""


@dataclass(frozen=True)
class TextEdit:
    """`raw[raw_start:raw_end]` was written as `text[start:end]`: positions in characters."""

    raw_start: int
    raw_end: int
    start: int
    end: int


@dataclass(frozen=True)
class Normalized:
    text: str
    alignment: tuple[TextEdit, ...]
    """What changed, ascending and disjoint; between the edits raw and text are equal."""


def normalize(text: str) -> Normalized:
    """Write the numerals of any text in digits. Normalising twice changes nothing more."""
    written: list[str] = []
    edits: list[TextEdit] = []
    raw_position = length = 0
    for raw_start, raw_end, replacement in find_replacements(text):
        written += (text[raw_position:raw_start], replacement)
        start = length + raw_start - raw_position
        length = start + len(replacement)
        edits.append(TextEdit(raw_start, raw_end, start, length))
        raw_position = raw_end
    written.append(text[raw_position:])
    return Normalized("".join(written), tuple(edits))
