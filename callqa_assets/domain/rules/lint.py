"""Suspicious rules in a valid file: rules that never fire, fire on everything, notify nobody, or
notify twice. Invalid files are refused by `rule_set`.

Which emotions the model knows, and which receivers there are, the caller passes in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from callqa_assets.domain.alerts.priorities import PRIORITY_RANKS
from callqa_assets.domain.rules.conditions.composed import (
    AllCondition,
    AnyCondition,
    Condition,
    leaves,
)
from callqa_assets.domain.rules.conditions.emotion import (
    CombinationCondition,
    EmotionLeaf,
)
from callqa_assets.domain.rules.conditions.leaf import Leaf
from callqa_assets.domain.rules.conditions.text import TextCondition
from callqa_assets.domain.rules.rule_set import Rule, When, load_rules_with_lines
from callqa_assets.domain.text.patterns import fold

UNCLEAR = ("other", "unknown")
"""Emotions for which a person should listen to the call, not act at once."""
_WHEN_KEYS = tuple(When.model_fields)
_WHEN_NAMES = ("line", "queue", "agent")
"""Facts of which a call has one value."""

_COMMAS = re.compile(r"[，、；;,｜|]")
_AROUND = re.compile(r"^[\s“”‘’「」［］【】\"']+|[\s“”‘’「」［］【】\"']+$")
_PAUSES = re.compile(r"[\w\s，,]+")
"""A phrase with nothing but commas may be a sentence: `您好，再见`."""


@dataclass(frozen=True)
class Surroundings:
    """What rules refer to outside their file."""

    emotions: Collection[str]
    """Those that the profile's model distinguishes."""
    channels: Collection[str]
    """Names of receivers in the channels file."""


@dataclass(frozen=True)
class Finding:
    """One problem. An error makes a rule useless; what causes a warning may be intended."""

    source: str
    line: int
    rule: str
    severity: Literal["error", "warning"]
    problem: str
    cure: str

    def __str__(self) -> str:
        return (
            f"{self.source}:{self.line}: {self.severity}: rule {self.rule!r} {self.problem}: "
            f"{self.cure}"
        )


_Remark = tuple[Literal["error", "warning"], str, str]


def lint_rules(text: str, *, source: str, around: Surroundings) -> list[Finding]:
    """Findings in the file's order; `source` is the name under which they report it.

    Raises RulesError where the file is invalid.
    """
    rule_set, lines = load_rules_with_lines(text, source=source)
    rules = rule_set.rules
    by_name = {rule.name: rule for rule in rules}
    originals: dict[str, Rule] = {}
    for rule in rules:
        originals.setdefault(_meaning(rule), rule)
    return [
        Finding(source, line, rule.name, *remark)
        for rule, line in zip(rules, lines, strict=True)
        for remark in (
            *_lint_levels(rule.condition, around),
            *_lint_composition(rule.condition),
            *_lint_lists(rule),
            *_lint_phrases(rule.condition),
            *_lint_neutral(rule),
            *_lint_receivers(rule, around),
            *_lint_neighbours(rule, originals),
            *_lint_inhibitions(rule, by_name),
        )
    ]


def _walk(condition: Condition) -> Iterator[Condition]:
    yield condition
    if isinstance(condition, AllCondition | AnyCondition):
        for member in (*condition.members, *condition.not_):
            yield from _walk(member)


def _lint_levels(condition: Condition, around: Surroundings) -> Iterator[_Remark]:
    """Levels that no window reaches: the posteriors of a window sum to 1."""
    for leaf in leaves(condition):
        if not isinstance(leaf, EmotionLeaf):
            continue
        unknown = [emotion for emotion in leaf.emotions if emotion not in around.emotions]
        if len(unknown) == len(leaf.emotions) or any(emotion in leaf.least for emotion in unknown):
            yield (
                "error",
                f"never fires: the profile's model does not know {_listed(unknown)}",
                f"choose from {', '.join(around.emotions)}, or use another profile",
            )
        elif unknown:
            yield (
                "warning",
                f"adds up {_listed(unknown)}, which the profile's model does not know",
                "leave it out",
            )
        if sum(leaf.least.values()) > 1 + 1e-9:
            yield (
                "error",
                f"never fires: its floors add up to {sum(leaf.least.values()):g}, "
                "and the posteriors of a window to 1",
                "lower the floors",
            )
        if leaf.level_on == 1 and not set(around.emotions) <= set(leaf.emotions):
            yield (
                "warning",
                "asks for a level of 1, which posteriors reach by rounding at most",
                "lower it",
            )


def _lint_composition(condition: Condition) -> Iterator[_Remark]:
    for part in _walk(condition):
        if not isinstance(part, AllCondition | AnyCondition):
            continue
        excluded = [any(_implies(m, other) for other in part.not_) for m in part.members]
        if any(excluded) if isinstance(part, AllCondition) else all(excluded):
            yield (
                "error",
                "never fires: what it asks for satisfies what it excludes under `not`",
                "correct one of the two",
            )
        alone = isinstance(part, AnyCondition) or len(part.members) == 1
        if part.within_sec and alone and not part.not_:
            yield (
                "warning",
                "sets `within_sec` where nothing must be near anything",
                "delete it, or use `all` with several conditions",
            )
        kind = "all" if isinstance(part, AllCondition) else "any"
        if any(one == other for one, other in combinations(part.members, 2)):
            yield "warning", f"names the same condition twice under `{kind}`", "delete one"


def _lint_lists(rule: Rule) -> Iterator[_Remark]:
    """Lists that are one text, because their commas are not YAML's."""
    for leaf in leaves(rule.condition):
        if isinstance(leaf, TextCondition):
            for phrase in _phrases(leaf):
                if len(parts := _parts(phrase)) > 1:
                    is_list = len(parts) > 2 or not _PAUSES.fullmatch(phrase)
                    yield (
                        "error" if is_list else "warning",
                        f"takes {phrase!r} for one phrase, said from beginning to end",
                        f"write [{', '.join(parts)}], with `,` and a space between phrases"
                        + ("" if is_list else ", or leave the comma out"),
                    )
    for key in _WHEN_NAMES:
        for name in getattr(rule.when, key, None) or ():
            if len(parts := _parts(name)) > 1:
                yield (
                    "warning",
                    f"takes {name!r} for the name of one {key}",
                    f"write [{', '.join(parts)}], with `,` and a space between names",
                )


def _parts(text: str) -> list[str]:
    """What the text would list if its commas, of any kind, were YAML's."""
    return [part for part in (_AROUND.sub("", p) for p in _COMMAS.split(text)) if fold(part)]


def _phrases(leaf: TextCondition) -> list[str]:
    return [pattern for pattern in leaf.text.patterns if isinstance(pattern, str)]


def _lint_phrases(condition: Condition) -> Iterator[_Remark]:
    """Phrases without effect, because another one matches wherever they do."""
    for leaf in leaves(condition):
        if not isinstance(leaf, TextCondition):
            continue
        phrases = [phrase for phrase in _phrases(leaf) if len(_parts(phrase)) == 1]
        for i, phrase in enumerate(phrases):
            for j, other in enumerate(phrases):
                same = fold(phrase) == fold(other)
                if i != j and fold(other) in fold(phrase) and (not same or j < i):
                    idle, why = (other, phrase) if leaf.text.all else (phrase, other)
                    yield (
                        "warning",
                        f"gains nothing by the phrase {idle!r} beside {why!r}",
                        "delete it",
                    )


def _lint_neutral(rule: Rule) -> Iterator[_Remark]:
    """Conditions that ordinary speech satisfies, with a posterior of 1 for neutral."""
    for leaf in leaves(rule.condition):
        if isinstance(leaf, CombinationCondition) and _neutral_satisfies(leaf):
            others = [emotion for emotion in leaf.combination if emotion != "neutral"]
            yield (
                "warning",
                f"is satisfied by ordinary neutral speech alone ({' + '.join(leaf.combination)})",
                "give the other member a floor, beside `min_sum`, such as "
                f"`floors: {{{others[0]}: 0.3}}`",
            )
    # A combination has been reported above.
    if _neutral_satisfies(rule.condition) and not any(
        isinstance(leaf, CombinationCondition) for leaf in leaves(rule.condition)
    ):
        yield "warning", "fires on ordinary neutral speech", "ask for something else as well"


def _neutral_satisfies(condition: Condition) -> bool:
    if isinstance(condition, Leaf):
        return condition.is_met_by_neutral
    if isinstance(condition, AllCondition):
        return all(map(_neutral_satisfies, condition.members))
    return any(map(_neutral_satisfies, condition.members))


def _lint_receivers(rule: Rule, around: Surroundings) -> Iterator[_Remark]:
    for channel in rule.channels:
        if channel not in around.channels:
            known = ", ".join(sorted(around.channels)) or "none"
            yield (
                "error",
                f"notifies nobody on {channel!r}, which is no configured channel",
                f"choose from {known}, or add it to the channels file",
            )
    unclear = [
        emotion
        for leaf in leaves(rule.condition)
        if isinstance(leaf, EmotionLeaf)
        for emotion in leaf.emotions
        if emotion in UNCLEAR
    ]
    if unclear and (rule.channels or not rule.review):
        yield (
            "warning",
            f"notifies people of {_listed(unclear)}, for which a person should listen to the call",
            "set `review: true` and leave `channels` out",
        )


def _meaning(rule: Rule) -> str:
    """The content of a rule, without its name."""
    return rule.model_dump_json(by_alias=True, exclude={"name"})


def _lint_neighbours(rule: Rule, originals: Mapping[str, Rule]) -> Iterator[_Remark]:
    """Rules that repeat another one; `originals` holds the first rule of each meaning."""
    original = originals[_meaning(rule)]
    if original is not rule:
        yield "error", f"is {original.name!r} under another name", "delete one of the two"
        return
    for wider in originals.values():
        if wider is not rule and _is_shadowed(rule, wider):
            yield (
                "warning",
                f"never notifies anyone whom {wider.name!r} does not already notify",
                "give it a higher priority or another channel, or delete it",
            )
            return


def _lint_inhibitions(rule: Rule, by_name: Mapping[str, Rule]) -> Iterator[_Remark]:
    if rule.inhibits and rule.enabled is not True:
        yield (
            "warning",
            "inhibits others, but only alerts that are delivered do",
            "leave `inhibits` out until the rule is enabled",
        )
    for name in rule.inhibits:
        if not by_name[name].channels:
            yield (
                "warning",
                f"inhibits {name!r}, which notifies nobody anyway",
                "leave it out of `inhibits`",
            )
        elif _never_meet(rule.when, by_name[name].when):
            yield (
                "warning",
                f"inhibits {name!r}, but no call concerns both: their `when` exclude each other",
                "correct `when`, or leave the rule out of `inhibits`",
            )


def _is_shadowed(rule: Rule, wider: Rule) -> bool:
    """Whether `wider` fires wherever `rule` does, and notifies the same receivers as urgently."""
    return (
        rule.enabled is not False
        and rule.enabled == wider.enabled
        and wider.name not in rule.inhibits
        and set(rule.role) <= set(wider.role)
        and set(rule.channels) <= set(wider.channels)
        and PRIORITY_RANKS[rule.priority] >= PRIORITY_RANKS[wider.priority]
        and (wider.review or not rule.review)
        and _covers(wider.when, rule.when)
        and _implies(rule.condition, wider.condition)
    )


def _covers(wider: When | None, narrow: When | None) -> bool:
    if wider is None:
        return True
    if narrow is None:
        return False
    for key in _WHEN_KEYS:
        wanted, given = getattr(wider, key), getattr(narrow, key)
        if wanted is not None and (given is None or not set(given) <= set(wanted)):
            return False
    return True


def _never_meet(one: When | None, other: When | None) -> bool:
    """Whether no call can match both."""
    if one is None or other is None:
        return False
    return any(
        mine is not None and theirs is not None and not _folded(mine) & _folded(theirs)
        for mine, theirs in ((getattr(one, key), getattr(other, key)) for key in _WHEN_NAMES)
    )


def _folded(values: Sequence[str]) -> set[str]:
    return {value.casefold() for value in values}


def _implies(narrow: Condition, wide: Condition) -> bool:
    """Whether `wide` is certainly satisfied wherever `narrow` is; conditions that cannot be
    compared count as independent.
    """
    if narrow == wide:
        return True
    return isinstance(narrow, Leaf) and isinstance(wide, Leaf) and narrow.implies(wide)


def _listed(emotions: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(emotions))
