"""Words by which a rule finds a call: what such calls say more than others is no finding."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from callqa_assets.domain.rules.conditions.composed import leaves
from callqa_assets.domain.rules.conditions.text import Regex, TextCondition
from callqa_assets.domain.rules.rule_set import Rule
from callqa_assets.domain.text.patterns import compile_regex, fold


@dataclass(frozen=True)
class LabelWords:
    """The phrases and regular expressions of rules."""

    phrases: Collection[str]
    """Folded."""
    regexes: Collection[str]

    def has(self, term: str) -> bool:
        """Whether a word is in one of the phrases, holds one, or matches an expression."""
        folded = fold(term)
        return any(folded in phrase or phrase in folded for phrase in self.phrases) or any(
            compile_regex(regex).search(term) is not None for regex in self.regexes
        )


def find_label_words(rules: Iterable[Rule]) -> LabelWords:
    """What these rules look for in the text; words that must not be said are not among it."""
    patterns = set(_patterns(rules))
    return LabelWords(
        sorted(fold(pattern) for pattern in patterns if isinstance(pattern, str)),
        sorted(pattern.regex for pattern in patterns if isinstance(pattern, Regex)),
    )


def _patterns(rules: Iterable[Rule]) -> Iterator[str | Regex]:
    for rule in rules:
        for leaf in leaves(rule.condition):
            if isinstance(leaf, TextCondition):
                yield from (*(leaf.text.any or ()), *(leaf.text.all or ()))
