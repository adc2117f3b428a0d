"""Alert rules: what a rules file may say, and how it is read.

`load_rules` is the only way from YAML text to rules. Conditions are in `conditions`, evaluation in
`engine`. Which file is read, and when, is decided by `stages` and `sensors`. Reference for people
who write rules: docs/rules.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from callqa_assets.domain.alerts.priorities import Priority
from callqa_assets.domain.config_places import Inline
from callqa_assets.domain.digest import hash_json
from callqa_assets.domain.rules.call_input import CallContext
from callqa_assets.domain.rules.conditions.composed import Condition, leaves
from callqa_assets.domain.rules.conditions.keys import Keys, Roles, Seconds, one_or_many
from callqa_assets.domain.rules.conditions.text import Regex, TextCondition
from callqa_assets.domain.yaml_config import ConfigError, Loaded, load, suggest

MAX_RULES = 1_000
MAX_YAML_NODES = 40 * MAX_RULES
"""A rule with every key set has about 40 nodes, keys and values; most have 15."""
MAX_REGEXES = 200
"""Each may take 1 MiB of memory while it is searched for."""


class RulesError(ConfigError):
    """A rules file that cannot be used."""


def _on_off_or_shadow(value: object) -> object:
    if value is True or value is False or value == "shadow":
        return value
    raise ValueError("must be true, false or shadow")


def _hours(value: object) -> object:
    """`22-6` is from 22:00 until before 6:00."""
    written = re.fullmatch(r"(\d{1,2})-(\d{1,2})", value) if isinstance(value, str) else None
    limits = tuple(int(hour) for hour in written.groups()) if written else ()
    if not limits or max(limits) > 24 or limits[0] % 24 == limits[1] % 24:
        raise ValueError("is no range of hours such as 9-12 or 22-6")
    return limits


Name = Annotated[
    str,
    Field(
        pattern=r"^\w[\w .-]{0,79}$",
        description=(
            "a name of letters, digits, space, _ . and -, at most 80, "
            "that starts with a letter or digit"
        ),
    ),
]
"""Used in tables, messages and file names; letters of any script are allowed."""
Matches = Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(one_or_many)]
HourRanges = Annotated[
    tuple[Annotated[tuple[int, int], BeforeValidator(_hours)], ...],
    BeforeValidator(one_or_many),
    Field(min_length=1),
]


class When(Keys):
    """The calls to which a rule applies: for every key, the call must have one of its values."""

    line: Matches | None = None
    queue: Matches | None = None
    agent: Matches | None = None
    language: Matches | None = None
    """`zh` covers zh-CN too."""
    hour: HourRanges | None = None
    """Local hours in which the call started."""

    @model_validator(mode="after")
    def _limits_something(self) -> When:
        if all(getattr(self, key) is None for key in When.model_fields):
            raise ValueError(
                f"names nothing; give one of {', '.join(When.model_fields)}, or leave it out"
            )
        return self

    def covers(self, call: CallContext) -> bool:
        """Whether the rule applies to the call; a fact that is not known matches nothing."""
        asked = (
            (self.line, call.facts.line),
            (self.queue, call.facts.queue),
            (self.agent, call.facts.agent_id),
        )
        return (
            all(wanted is None or _is_one_of(given, wanted) for wanted, given in asked)
            and (self.language is None or _speaks(call.facts.language, self.language))
            and (self.hour is None or _is_within(call.hour, self.hour))
        )


def _is_one_of(given: str | None, wanted: Sequence[str]) -> bool:
    return given is not None and given.casefold() in {value.casefold() for value in wanted}


def _speaks(given: str | None, wanted: Sequence[str]) -> bool:
    return given is not None and any(
        f"{given}-".casefold().startswith(f"{value}-".casefold()) for value in wanted
    )


def _is_within(hour: int | None, ranges: Sequence[tuple[int, int]]) -> bool:
    return hour is not None and any(
        (hour - first) % 24 < (last - first) % 24 for first, last in ranges
    )


class Rule(Keys):
    """A condition, the calls and channels on which it is evaluated, and what an alert triggers."""

    name: Name
    condition: Annotated[Condition, Inline()]
    when: When | None = Field(None, examples=["{line: vip}"])
    role: Roles = ("agent", "customer", "mixed")
    """The rule is evaluated on each channel with one of these roles, separately."""
    priority: Priority = "medium"
    channels: Names = ()
    """Receivers; without any, the alert is stored and nobody is notified."""
    review: Annotated[bool, Field(strict=True)] = False
    enabled: Annotated[bool | Literal["shadow"], BeforeValidator(_on_off_or_shadow)] = True
    inhibits: Names = ()
    """Rules whose alerts near one of this rule, in the same call, are not delivered."""
    inhibits_within_sec: Seconds = 0.0
    """Largest distance in time at which they are inhibited; 0: they must overlap."""

    @cached_property
    def definition_hash(self) -> str:
        """SHA-256 of this rule alone: shows which alerts a change of the file concerns."""
        return hash_json(self.model_dump(mode="json", by_alias=True))


RULE_KEYS = tuple(key for key in Rule.model_fields if key != "condition")


@dataclass(frozen=True)
class RuleSet:
    """The rules of one file, in the file's order."""

    rules: tuple[Rule, ...]

    @cached_property
    def rule_hash(self) -> str:
        """SHA-256 of the rules' content: comments, layout and order do not matter."""
        by_name = sorted(self.rules, key=lambda rule: rule.name)
        return hash_json([rule.definition_hash for rule in by_name])

    @cached_property
    def in_order_of_inhibition(self) -> tuple[Rule, ...]:
        """Rules that inhibit others, each after those that may inhibit it."""
        by_name = {rule.name: rule for rule in self.rules}
        order = TopologicalSorter({rule.name: () for rule in self.rules})
        for rule in self.rules:
            for name in rule.inhibits:
                order.add(name, rule.name)
        return tuple(by_name[name] for name in order.static_order() if by_name[name].inhibits)


@dataclass(frozen=True)
class RulesFile:
    """A rules file as it was read."""

    source: str
    """The name under which problems report it."""
    text: str | RulesError
    """Its content, or why it could not be read."""


class _RulesDocument(Keys):
    rules: tuple[Rule, ...]

    @model_validator(mode="before")
    @classmethod
    def _split_rules(cls, content: object) -> object:
        """A rule's block holds its condition's keys beside its own."""
        block = cast(dict[str, object], content) if isinstance(content, dict) else {}
        if not isinstance(block.get("rules"), list):
            raise ValueError("no list under `rules:`; start the file with `rules:`")
        entries = cast(list[object], block["rules"])
        if len(entries) > MAX_RULES:
            raise ValueError(f"{len(entries):,} rules, at most {MAX_RULES:,}; merge some")
        return {**block, "rules": [_split(entry) for entry in entries]}


def _split(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    block = cast(dict[str, object], entry)
    own = {key: value for key, value in block.items() if key in RULE_KEYS}
    condition = {key: value for key, value in block.items() if key not in RULE_KEYS}
    return {**own, "condition": condition}


def load_rules(text: str, *, source: str) -> RuleSet:
    """Rules from the text of a YAML file; `source` is the name under which errors report it.

    Raises RulesError with every problem found.
    """
    return load_rules_with_lines(text, source=source)[0]


def load_rules_with_lines(text: str, *, source: str) -> tuple[RuleSet, Sequence[int]]:
    """As `load_rules`, and the line (from 1) at which each rule begins."""
    loaded = load(
        text,
        _RulesDocument,
        source=source,
        error=RulesError,
        entries={"rules": "rule"},
        max_nodes=MAX_YAML_NODES,
    )
    if problems := list(_find_conflicts(loaded)):
        raise RulesError(*problems)
    rules = loaded.value.rules
    return RuleSet(rules), [loaded.line_of("rules", number) for number in range(len(rules))]


def _find_conflicts(loaded: Loaded[_RulesDocument]) -> Iterator[str]:
    """Problems between rules that are valid by themselves."""
    rules = loaded.value.rules
    by_name = {rule.name: rule for rule in rules}
    first_numbers: dict[str, int] = {}
    regexes = 0
    for number, rule in enumerate(rules):
        place = ("rules", number)
        first = first_numbers.setdefault(rule.name, number)
        if first != number:
            line = loaded.line_of("rules", first)
            yield loaded.describe(place, f"the rule in line {line} has the same name; rename one")
        for name in rule.inhibits:
            if name not in by_name:
                problem = f"names {name!r}, which is no rule{suggest(name, list(by_name))}"
                yield loaded.describe((*place, "inhibits"), f"`inhibits` {problem}")
            elif _inhibits(by_name, name, rule.name):
                problem = f"names {name!r}, which inhibits {rule.name!r} in turn"
                yield loaded.describe(
                    (*place, "inhibits"), f"`inhibits` {problem}; delete one of the two"
                )
        before, regexes = regexes, regexes + _count_regexes(rule)
        if before <= MAX_REGEXES < regexes:
            yield loaded.describe(
                place,
                f"the file has more than {MAX_REGEXES} regular expressions from here on; "
                "use phrases where they suffice",
            )


def _inhibits(by_name: dict[str, Rule], name: str, other: str) -> bool:
    """True where `name` inhibits `other`, itself or through rules that it inhibits."""
    seen: set[str] = set()
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current == other:
            return True
        if current in by_name and current not in seen:
            open_names += by_name[current].inhibits
        seen.add(current)
    return False


def _count_regexes(rule: Rule) -> int:
    return sum(
        isinstance(pattern, Regex)
        for leaf in leaves(rule.condition)
        if isinstance(leaf, TextCondition)
        for pattern in leaf.text.patterns
    )
