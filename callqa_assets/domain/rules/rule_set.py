"""Alert rules: what a rules file may say, and how it is read.

`load_rules` is the only way from YAML text to rules. What a rule may ask of a call stands in
`rules_conditions`, what it does to a call in `alerting`; which file is read, and when, is the
assets' business. Reference for people who write rules: docs/rules.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Annotated, Literal, TypeGuard, cast

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from callqa_assets.domain.alerts.priorities import Priority
from callqa_assets.domain.digest import hash_json
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.rules.call_input import CallContext
from callqa_assets.domain.rules.conditions import (
    KIND_KEYS,
    KINDS,
    Condition,
    Keys,
    Regex,
    Roles,
    Seconds,
    Text,
    TextCondition,
    kinds_named,
    leaves,
    one_or_many,
    suggest,
)
from callqa_assets.domain.rules.strict_yaml import describe_yaml_error, read_yaml

MAX_BYTES = 1_000_000
MAX_RULES = 1_000
MAX_YAML_NODES = 40 * MAX_RULES
"""A rule with every key set has about 40 nodes, keys and values; most have 15."""
MAX_REGEXES = 200
"""Each may hold 1 MiB of memory while it is sought."""
MAX_PROBLEMS_SHOWN = 20


class RulesError(CallqaError):
    """A rules file that cannot be used. The text names file, line, rule and cure, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = list(problems[:MAX_PROBLEMS_SHOWN])
        if len(problems) > len(shown):
            shown.append(f"… and {len(problems) - len(shown)} more")
        super().__init__("\n".join(shown))


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


Name = Annotated[str, Field(pattern=r"^\w[\w .-]{0,79}$")]
"""Ends up in tables, messages and file names: letters of any script, digits, space, _ . -"""
Matches = Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(one_or_many)]
HourRanges = Annotated[
    tuple[Annotated[tuple[int, int], BeforeValidator(_hours)], ...],
    BeforeValidator(one_or_many),
    Field(min_length=1),
]


class When(Keys):
    """Calls to which a rule is limited: every key given must match one of its values."""

    line: Matches | None = None
    queue: Matches | None = None
    agent: Matches | None = None
    language: Matches | None = None
    """`zh` stands for zh-CN too."""
    hour: HourRanges | None = None
    """Local hours in which the call started."""

    @model_validator(mode="after")
    def _limits_something(self) -> When:
        if all(getattr(self, key) is None for key in When.model_fields):
            raise ValueError(
                f"names nothing: give one of {', '.join(When.model_fields)}, or leave it out"
            )
        return self

    def covers(self, call: CallContext) -> bool:
        """True where the call matches; what is not known matches nothing."""
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
    """A condition, the calls and channels it is judged on, and what follows from it."""

    name: Name
    condition: Condition
    when: When | None = None
    role: Roles = ("agent", "customer", "mixed")
    """Channels on which the rule is judged, each on its own."""
    priority: Priority = "medium"
    channels: Names = ()
    """Notification channels; none: the alert is recorded and sent nowhere."""
    review: Annotated[bool, Field(strict=True)] = False
    enabled: Annotated[bool | Literal["shadow"], BeforeValidator(_on_off_or_shadow)] = True
    inhibits: Names = ()
    """Rules whose alerts in the same call are not delivered beside one of this rule."""
    inhibits_within_sec: Seconds = 0.0
    """Distance up to which an alert counts as beside; 0: they must overlap."""

    @cached_property
    def definition_hash(self) -> str:
        """SHA-256 of this rule alone: tells which alerts a change of the file concerns."""
        return hash_json(self.model_dump(mode="json", by_alias=True))


RULE_KEYS = tuple(key for key in Rule.model_fields if key != "condition")


@dataclass(frozen=True)
class RuleSet:
    """The rules of one file, in the file's order."""

    rules: tuple[Rule, ...]

    @cached_property
    def rule_hash(self) -> str:
        """SHA-256 of what the rules say: comments, layout and order do not matter."""
        by_name = sorted(self.rules, key=lambda rule: rule.name)
        return hash_json([rule.definition_hash for rule in by_name])

    @cached_property
    def in_order_of_inhibition(self) -> tuple[Rule, ...]:
        """Rules that inhibit others, each behind those that may inhibit it."""
        by_name = {rule.name: rule for rule in self.rules}
        order = TopologicalSorter({rule.name: () for rule in self.rules})
        for rule in self.rules:
            for name in rule.inhibits:
                order.add(name, rule.name)
        return tuple(by_name[name] for name in order.static_order() if by_name[name].inhibits)


def load_rules(text: str, *, source: str) -> RuleSet:
    """Rules from the text of a YAML file; `source` is the name under which errors report it.

    Raises:
        RulesError: with every problem found, each naming file, line, rule and cure.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise RulesError([f"{source}: larger than {MAX_BYTES:,} bytes: split or shorten it"])
    try:
        document, lines = read_yaml(text, MAX_YAML_NODES)
    except yaml.YAMLError as error:
        raise RulesError([describe_yaml_error(error, source)]) from error

    if "rules" not in document or not isinstance(document["rules"], list):
        raise RulesError([f"{source}: no list under `rules:`; start the file with `rules:`"])
    if unknown := [key for key in document if key != "rules"]:
        raise RulesError([f"{source}: `{unknown[0]}` is no key of a rules file: delete it"])
    entries = cast(list[object], document["rules"])
    if len(entries) > MAX_RULES:
        raise RulesError([f"{source}: {len(entries):,} rules, at most {MAX_RULES:,}: merge some"])

    rules: list[Rule] = []
    rule_lines: list[int] = []
    problems: list[str] = []
    for entry, line in zip(entries, lines, strict=True):
        if not _is_block(entry):
            problem = "a rule is a block of keys that starts with `- name:`"
            problems.append(f"{source}, line {line}: {problem}")
            continue
        named = f"rule {entry['name']!r}" if "name" in entry else "rule without a name"
        try:
            rules.append(_read_rule(entry))
            rule_lines.append(line)
        except ValidationError as error:
            problems += [f"{source}, line {line}, {named}: {p}" for p in _describe_problems(error)]
    for rule, line, problem in _find_conflicts(rules, rule_lines):
        problems.append(f"{source}, line {line}, rule {rule.name!r}: {problem}")
    if problems:
        raise RulesError(problems)
    return RuleSet(tuple(rules))


def _is_block(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _read_rule(entry: dict[str, object]) -> Rule:
    """A rule's block holds its condition's keys beside its own."""
    own = {key: value for key, value in entry.items() if key in RULE_KEYS}
    condition = {key: value for key, value in entry.items() if key not in RULE_KEYS}
    return Rule.model_validate({**own, "condition": condition})


def _find_conflicts(rules: Sequence[Rule], lines: Sequence[int]) -> Iterator[tuple[Rule, int, str]]:
    """What is wrong between rules that are each right: rule, its line, problem."""
    by_name = {rule.name: rule for rule in rules}
    first_line: dict[str, int] = {}
    regexes = 0
    for rule, line in zip(rules, lines, strict=True):
        if rule.name in first_line:
            first = first_line[rule.name]
            yield rule, line, f"the rule in line {first} has the same name: rename one"
        first_line.setdefault(rule.name, line)
        for name in rule.inhibits:
            if name not in by_name:
                hint = suggest(name, list(by_name))
                yield rule, line, f"`inhibits` names {name!r}, which is no rule{hint}"
            elif _inhibits(by_name, name, rule.name):
                yield (
                    rule,
                    line,
                    f"`inhibits` names {name!r}, which inhibits {rule.name!r} in turn: "
                    "delete one of the two",
                )
        before, regexes = regexes, regexes + _count_regexes(rule)
        if before <= MAX_REGEXES < regexes:
            yield (
                rule,
                line,
                f"the file has more than {MAX_REGEXES} regular expressions from here on: "
                "write phrases where they do",
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


def _describe_problems(error: ValidationError) -> list[str]:
    """pydantic's findings in the words of the file."""
    findings = error.errors(include_url=False)
    wrong_inside = {f["loc"][:depth] for f in findings for depth in range(len(f["loc"]))}
    return [
        _describe(finding)
        for finding in findings
        # A list whose only member is wrong is reported as too short as well.
        if finding["type"] != "too_short" or finding["loc"] not in wrong_inside
    ]


_CURES = {
    "too_short": "`{key}` lists too few: name at least {min_length}",
    "too_long": "`{key}` lists too many: name at most {max_length}",
    "missing": "`{key}` is missing: add it",
    "string_type": "`{key}` is not text: put it in quotes",
    "string_pattern_mismatch": (
        "`{key}` may hold letters, digits, space, _ . and -, at most 80, "
        "and starts with a letter or digit"
    ),
    "model_type": "`{key}` is a block of keys, such as `{key}: {example}`",
    "dict_type": "`{key}` is a block of keys, such as `{key}: {example}`",
}
_EXAMPLES = {"when": "{line: vip}", "text": "{any: [退款]}", "floors": "{sad: 0.3}"}


def _describe(finding: ErrorDetails) -> str:
    kind, message, location = finding["type"], finding["msg"], finding["loc"]
    given, context = finding["input"], finding.get("ctx", {})
    # Without the parts of the location that the file does not show: our own split, and tags.
    visible = location[1:] if location[:1] == ("condition",) else location
    shown = [part for part in visible if not str(part).startswith("<")]
    key = ".".join(str(part) for part in shown)
    if kind in _CURES:
        return _CURES[kind].format(key=key, example=_EXAMPLES.get(key, "{…}"), **context)
    if kind == "extra_forbidden":
        return f"`{key}` is no key here{suggest(str(shown[-1]), _keys_at(location))}"
    if kind == "kind":
        has = " and ".join(f"`{name}`" for name in kinds_named(given)) or "none"
        return f"{f'`{key}` ' if key else ''}{message}, and has {has}{_misspelt(given)}"
    message = message.removeprefix("Value error, ")
    if not shown:
        return message
    message = message.replace("Input should be", "must be").replace("a valid tuple", "a list")
    text = repr(given)
    return f"`{key}`: {message} (here: {text if len(text) <= 40 else text[:39] + '…'})"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the block around a location may have."""
    if location[0] == "when":
        return list(When.model_fields)
    around = [part for part in location[:-1] if part in KINDS or part in ("text", "<regex>")]
    if around[-1] == "<regex>":
        return list(Regex.model_fields)
    if around[-1] == "text":
        return list(Text.model_fields)
    fields = KINDS[str(around[-1])].model_fields
    keys = [field.alias or name for name, field in fields.items()]
    # In a rule's own block its condition's keys stand beside the rule's.
    return keys if len(around) > 1 else [*RULE_KEYS, *(key for key in keys if key != "role")]


def _misspelt(given: object) -> str:
    """A hint where a key looks like one that tells a kind."""
    for key in given if _is_block(given) and not kinds_named(given) else ():
        close = difflib.get_close_matches(str(key), KIND_KEYS, n=1)
        if close:
            return f": did you mean `{close[0]}` by `{key}`?"
    return ""
