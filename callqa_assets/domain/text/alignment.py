"""How a text as decoded and the same text as written correspond, through several steps.

A piece says that two stretches stand for each other and differ; between the pieces both texts are
equal, character by character. What the steps do is `text`, `itn` and the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from callqa_assets.domain.text.itn import TextEdit


def find_differences(raw: str, text: str) -> list[TextEdit]:
    """Pieces in which two texts differ, ascending and disjoint."""
    matcher = SequenceMatcher(None, raw, text, autojunk=False)
    return [
        TextEdit(raw_start, raw_end, start, end)
        for kind, raw_start, raw_end, start, end in matcher.get_opcodes()
        if kind != "equal"
    ]


def chain(first: Sequence[TextEdit], second: Sequence[TextEdit]) -> list[TextEdit]:
    """The pieces of two steps, one after the other, as the pieces of one.

    `first` leads from raw to a text between, `second` from there on; both ascend. Pieces that
    overlap in the text between become one.
    """
    pieces: list[TextEdit] = []
    shift = growth = 0  # by how much the text between, and the last one, have grown so far
    left, right = list(first), list(second)
    while left or right:
        begin = end = min([p.start for p in left[:1]] + [p.raw_start for p in right[:1]])
        from_raw, to_text = shift, growth
        reach = begin + 1
        while True:
            if left and left[0].start < reach:
                piece = left.pop(0)
                end, shift = max(end, piece.end), shift + _growth(piece)
            elif right and right[0].raw_start < reach:
                piece = right.pop(0)
                end, growth = max(end, piece.raw_end), growth + _growth(piece)
            else:
                break
            reach = end
        pieces.append(TextEdit(begin - from_raw, end - shift, begin + to_text, end + growth))
    return pieces


def _growth(piece: TextEdit) -> int:
    return (piece.end - piece.start) - (piece.raw_end - piece.raw_start)
