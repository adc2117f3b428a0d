"""Doubtful items in a valid scripts file: phrases that are taken for one another, lists that are
one phrase, guards that guard nothing. Invalid files are refused by `script_set`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from callqa_assets.domain.scripts.phrases import (
    Pattern,
    Tolerance,
    count_syllables,
    exact_patterns,
    tolerant_patterns,
)
from callqa_assets.domain.scripts.script_set import (
    ForbiddenItem,
    Item,
    Matching,
    RequiredItem,
    Script,
    load_scripts_with_lines,
)
from callqa_assets.domain.scripts.search import Hit, PhraseSearch
from callqa_assets.domain.scripts.spelling import spell

_SHORT_SYLLABLES = 4
_LIST_SIGNS = re.compile(r"[、；;|｜]")


@dataclass(frozen=True)
class Finding:
    """One problem. An error makes an item useless; what causes a warning may be intended."""

    source: str
    line: int
    item: str
    severity: Literal["error", "warning"]
    problem: str
    cure: str

    def __str__(self) -> str:
        return (
            f"{self.source}:{self.line}: {self.severity}: item {self.item!r} {self.problem}: "
            f"{self.cure}"
        )


_Remark = tuple[Literal["error", "warning"], str, str]


def lint_scripts(text: str, *, source: str) -> list[Finding]:
    """Findings in the file's order; `source` is the name under which they report it.

    Raises ScriptsError where the file is invalid.
    """
    loaded = load_scripts_with_lines(text, source=source)
    scripts = loaded.value
    return [
        Finding(source, loaded.line_of("scripts", n, "items", i), item.name, *remark)
        for n, script in enumerate(scripts.scripts)
        for i, item in enumerate(script.items)
        for remark in (
            *_lint_lists(item),
            *_lint_guards(item),
            *_lint_neighbours(item, script, scripts.matching),
        )
    ]


def _phrases(item: Item) -> Sequence[str]:
    if isinstance(item, ForbiddenItem):
        return item.forbidden
    return item.required if isinstance(item, RequiredItem) else item.mentioned


def _lint_lists(item: Item) -> Iterator[_Remark]:
    for phrase in _phrases(item):
        if sign := _LIST_SIGNS.search(phrase):
            yield (
                "error",
                f"has the phrase {phrase!r}, which is one phrase and no list",
                f"write `,` in place of `{sign[0]}`",
            )


def _lint_guards(item: Item) -> Iterator[_Remark]:
    if not isinstance(item, ForbiddenItem):
        return
    patterns = [p for phrase in item.forbidden for p in exact_patterns(phrase)]
    for guard in item.unless:
        if not _find(patterns, guard):
            yield (
                "error",
                f"has the guard {guard!r}, which holds none of its forbidden phrases",
                "correct or delete it",
            )
    short = [p for p in item.forbidden if count_syllables(p) < _SHORT_SYLLABLES]
    if short and not item.unless:
        yield (
            "warning",
            f"forbids {short[0]!r}, which may be part of a rightful denial, and has no guards",
            f"list under `unless` what may be said, such as 不{short[0]} or 非{short[0]}",
        )


def _lint_neighbours(item: Item, script: Script, matching: Matching) -> Iterator[_Remark]:
    """Phrases that count as said where another item's are."""
    exact = isinstance(item, ForbiddenItem)
    own_score = item.min_score if isinstance(item, RequiredItem) else None
    tolerance = Tolerance(matching.min_score if own_score is None else own_score)
    for phrase in _phrases(item):
        patterns = exact_patterns(phrase) if exact else tolerant_patterns(phrase, tolerance)
        for other in script.items:
            if other is item or isinstance(other, ForbiddenItem):
                continue
            for theirs in _phrases(other):
                if any(not hit.is_negated for hit in _find(patterns, theirs)):
                    yield (
                        "warning",
                        f"takes {theirs!r} of {other.name!r} for its own {phrase!r}",
                        "write a longer phrase" if exact else "write another, or raise `min_score`",
                    )


def _find(patterns: Sequence[Pattern], text: str) -> list[Hit]:
    return [
        hit
        for numbers in (False, True)
        for hit in PhraseSearch([p for p in patterns if p.has_slots == numbers]).find(
            [spell(text, numbers=numbers)]
        )
    ]
