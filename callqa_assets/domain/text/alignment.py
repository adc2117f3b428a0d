"""Alignment of a text as decoded with the same text as written, through several steps.

An edit states that two ranges of characters correspond and differ; between the edits both texts
are equal, character by character. The steps themselves are `cleanup`, `itn` and the models'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from callqa_assets.domain.text.itn import TextEdit


def find_differences(raw: str, text: str) -> list[TextEdit]:
    """The edits that lead from `raw` to `text`, ascending and disjoint."""
    matcher = SequenceMatcher(None, raw, text, autojunk=False)
    return [
        TextEdit(raw_start, raw_end, start, end)
        for kind, raw_start, raw_end, start, end in matcher.get_opcodes()
        if kind != "equal"
    ]


def chain(first: Sequence[TextEdit], second: Sequence[TextEdit]) -> list[TextEdit]:
    """The edits of two consecutive steps as the edits of one.

    `first` leads from the raw to an intermediate text, `second` from there on; both ascend. Edits
    that overlap in the intermediate text become one.
    """
    edits: list[TextEdit] = []
    shift = growth = 0  # growth of the intermediate text, and of the final one, so far
    left, right = list(first), list(second)
    while left or right:
        begin = end = min([p.start for p in left[:1]] + [p.raw_start for p in right[:1]])
        from_raw, to_text = shift, growth
        reach = begin + 1
        while True:
            if left and left[0].start < reach:
                edit = left.pop(0)
                end, shift = max(end, edit.end), shift + _growth(edit)
            elif right and right[0].raw_start < reach:
                edit = right.pop(0)
                end, growth = max(end, edit.raw_end), growth + _growth(edit)
            else:
                break
            reach = end
        edits.append(TextEdit(begin - from_raw, end - shift, begin + to_text, end + growth))
    return edits


def find_in_raw(
    edits: Iterable[Sequence[int]], raw: str, text: str, start: int, end: int
) -> tuple[int, int] | None:
    """The characters of `raw` that correspond to `text[start:end]`, whole edits where it cuts them.

    None where the edits, each (raw_start, raw_end, start, end), do not fit the two texts.
    """
    pieces = [TextEdit(*edit) for edit in edits]
    if len(raw) - len(text) != -sum(_growth(piece) for piece in pieces):
        return None
    raw_start, raw_end = start, end
    for piece in pieces:
        if start >= piece.start:
            raw_start = piece.raw_start if start < piece.end else start + piece.raw_end - piece.end
        if end > piece.start:
            raw_end = piece.raw_end if end <= piece.end else end + piece.raw_end - piece.end
    return raw_start, raw_end


def find_in_text(
    edits: Iterable[Sequence[int]], raw: str, text: str, start: int, end: int
) -> tuple[int, int] | None:
    """The characters of `text` that correspond to `raw[start:end]`; see `find_in_raw`."""
    turned = [(edit[2], edit[3], edit[0], edit[1]) for edit in edits]
    return find_in_raw(turned, text, raw, start, end)


def _growth(edit: TextEdit) -> int:
    return (edit.end - edit.start) - (edit.raw_end - edit.raw_start)
