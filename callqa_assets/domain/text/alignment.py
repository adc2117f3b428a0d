"""Alignment of a text as decoded with the same text as written, through several steps.

An edit states that two ranges of characters correspond and differ; between the edits both texts
are equal, character by character. The steps themselves are `cleanup`, `itn` and the models'.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def _growth(edit: TextEdit) -> int:
    return (edit.end - edit.start) - (edit.raw_end - edit.raw_start)
