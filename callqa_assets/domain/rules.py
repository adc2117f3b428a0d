"""Alert rules: what a rules file may say, and how it is read.

The models are the language; `load_rules` is the only way from YAML text to them. What a rule
does to a call stands in `alerting`; which file is read, and when, is the assets' business.
Reference for people who write rules: docs/rules.md.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, TypeGuard, cast

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from callqa_assets.domain.emotion_labels import EMOTIONS
from callqa_assets.domain.errors import CallqaError

MAX_BYTES = 1_000_000
MAX_RULES = 1_000
MAX_YAML_NODES = 40 * MAX_RULES
"""A rule with every key set has about 40 nodes, keys and values; most have 15."""
MAX_YAML_DEPTH = 10
MAX_PROBLEMS_SHOWN = 20


class RulesError(CallqaError):
    """A rules file that cannot be used. The text names file, line, rule and cure, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = list(problems[:MAX_PROBLEMS_SHOWN])
        if len(problems) > len(shown):
            shown.append(f"… and {len(problems) - len(shown)} more")
        super().__init__("\n".join(shown))


def _known_emotion(name: str) -> str:
    if name not in EMOTIONS:
        raise ValueError(f"{name!r} is no emotion{_suggest(name, EMOTIONS)}")
    return name


def _one_or_many(value: object) -> object:
    """`line: vip` means `line: [vip]`."""
    return cast(object, value) if isinstance(value, list | tuple) else (value,)


def _on_off_or_shadow(value: object) -> object:
    if value is True or value is False or value == "shadow":
        return value
    raise ValueError("must be true, false or shadow")


Name = Annotated[str, Field(pattern=r"^\w[\w .-]{0,79}$")]
"""Ends up in tables, messages and file names: letters of any script, digits, space, _ . -"""
Emotion = Annotated[str, AfterValidator(_known_emotion)]
# strict: `threshold: yes` and `threshold: "0.75"` are slips, not numbers.
Posterior = Annotated[float, Field(gt=0, le=1, strict=True)]
Seconds = Annotated[float, Field(ge=0, le=3600, strict=True)]
Matches = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]


class _Keys(BaseModel):
    """Unknown keys are errors: a misspelt `treshold` must not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Keys):
    """Calls to which a rule is limited: every key given must match one of its values."""

    line: Matches | None = None
    queue: Matches | None = None
    agent: Matches | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> When:
        if self.line is None and self.queue is None and self.agent is None:
            raise ValueError("names nothing: give line, queue or agent, or leave it out")
        return self


class _Rule(_Keys, ABC):
    """What every rule may say. A kind of rule adds its condition."""

    name: Name
    duration_sec: Seconds = 0.0
    """Satisfied speech time after which the rule fires; 0 fires at the first window."""
    threshold_off: Posterior | None = None
    """Level at which a firing rule stays on; None: the level at which it fires."""
    keep_firing_sec: Seconds = 0.0
    """Speech time below `threshold_off` that a firing rule outlasts."""
    max_gap_sec: Seconds = 1.0
    """Longest silence that does not break a stretch."""
    when: When | None = None
    role: Annotated[
        tuple[Literal["agent", "customer", "mixed"], ...],
        BeforeValidator(_one_or_many),
        Field(min_length=1),
    ] = ("agent", "customer", "mixed")
    priority: Literal["high", "medium", "low"] = "medium"
    channels: Annotated[tuple[Name, ...], BeforeValidator(_one_or_many)] = ()
    """Notification channels; none: the alert is recorded and sent nowhere."""
    review: Annotated[bool, Field(strict=True)] = False
    enabled: Annotated[bool | Literal["shadow"], BeforeValidator(_on_off_or_shadow)] = True

    @property
    @abstractmethod
    def emotions(self) -> tuple[str, ...]:
        """Emotions whose posteriors are added up to the rule's value."""

    @property
    @abstractmethod
    def level_on(self) -> float:
        """Value from which the condition is satisfied."""

    @property
    def level_off(self) -> float:
        """Value from which a firing rule stays on."""
        return self.level_on if self.threshold_off is None else self.threshold_off

    @cached_property
    def definition_hash(self) -> str:
        """SHA-256 of this rule alone: tells which alerts a change of the file concerns."""
        return _canonical_sha256(self.model_dump(mode="json"))

    @model_validator(mode="after")
    def _off_not_above_on(self) -> _Rule:
        if self.level_off > self.level_on:
            raise ValueError(
                f"`threshold_off` {self.level_off:g} is above the level at which the rule "
                f"fires, {self.level_on:g}: lower it or leave it out"
            )
        return self


class EmotionRule(_Rule):
    """One emotion at or above `threshold`."""

    emotion: Emotion
    threshold: Posterior

    @property
    def emotions(self) -> tuple[str, ...]:
        return (self.emotion,)

    @property
    def level_on(self) -> float:
        return self.threshold


class CombinationRule(_Rule):
    """The sum of several emotions at or above `min_sum`, each at or above its floor."""

    combination: tuple[Emotion, ...] = Field(min_length=2)
    min_sum: Posterior
    floors: dict[str, Posterior] = Field(default_factory=dict)

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.combination

    @property
    def level_on(self) -> float:
        return self.min_sum

    @field_validator("combination")
    @classmethod
    def _no_emotion_twice(cls, combination: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(combination)) < len(combination):
            raise ValueError("names an emotion twice")
        return combination

    @model_validator(mode="after")
    def _floors_of_members(self) -> CombinationRule:
        for emotion in self.floors:
            if emotion not in self.combination:
                raise ValueError(f"`floors` names {emotion!r}, which is not in `combination`")
        return self


Rule = EmotionRule | CombinationRule

_KINDS: dict[str, type[Rule]] = {"emotion": EmotionRule, "combination": CombinationRule}
"""The key that tells which kind of rule a block is."""


@dataclass(frozen=True)
class RuleSet:
    """The rules of one file, in the file's order."""

    rules: tuple[Rule, ...]

    @cached_property
    def rule_hash(self) -> str:
        """SHA-256 of what the rules say: comments, layout and order do not matter."""
        by_name = sorted(self.rules, key=lambda rule: rule.name)
        return _canonical_sha256([rule.model_dump(mode="json") for rule in by_name])


def load_rules(text: str, *, source: str) -> RuleSet:
    """Rules from the text of a YAML file; `source` is the name under which errors report it.

    Raises:
        RulesError: with every problem found, each naming file, line, rule and cure.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise RulesError([f"{source}: larger than {MAX_BYTES:,} bytes: split or shorten it"])
    try:
        document, lines = _read_yaml(text)
    except yaml.YAMLError as error:
        raise RulesError([_describe_yaml_error(error, source)]) from error

    if "rules" not in document or not isinstance(document["rules"], list):
        raise RulesError([f"{source}: no list under `rules:`; start the file with `rules:`"])
    if unknown := [key for key in document if key != "rules"]:
        raise RulesError([f"{source}: `{unknown[0]}` is no key of a rules file: delete it"])
    entries = cast(list[object], document["rules"])
    if len(entries) > MAX_RULES:
        raise RulesError([f"{source}: {len(entries):,} rules, at most {MAX_RULES:,}: merge some"])

    rules: list[Rule] = []
    problems: list[str] = []
    line_of_name: dict[str, int] = {}
    for entry, line in zip(entries, lines, strict=True):
        where = f"{source}, line {line}"
        if not _is_block(entry):
            problems.append(f"{where}: a rule is a block of keys that starts with `- name:`")
            continue
        where += f", rule {entry['name']!r}" if "name" in entry else ", rule without a name"
        kinds = [key for key in _KINDS if key in entry]
        if len(kinds) != 1:
            problems.append(
                f"{where}: needs either `emotion` with `threshold` or `combination` with "
                f"`min_sum`, and has {'both' if kinds else 'neither'}"
            )
            continue
        kind = _KINDS[kinds[0]]
        try:
            rule = kind.model_validate(entry)
        except ValidationError as error:
            problems += [f"{where}: {problem}" for problem in _describe_problems(error, kind)]
            continue
        if rule.name in line_of_name:
            first = line_of_name[rule.name]
            problems.append(f"{where}: the rule in line {first} has the same name: rename one")
        line_of_name.setdefault(rule.name, line)
        rules.append(rule)
    if problems:
        raise RulesError(problems)
    return RuleSet(tuple(rules))


def _is_block(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _describe_problems(error: ValidationError, kind: type[_Rule]) -> list[str]:
    """pydantic's findings in the words of the file."""
    problems: list[str] = []
    for finding in error.errors(include_url=False, include_context=False):
        path = finding["loc"]
        key = ".".join(str(part) for part in path)
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            hint = _suggest(str(path[-1]), list((When if path[0] == "when" else kind).model_fields))
            problems.append(f"`{key}` is no key of a rule{hint}")
        elif finding["type"] == "missing":
            problems.append(f"`{key}` is missing: add it")
        elif finding["type"] == "string_type":
            problems.append(f"`{key}` is not text: put it in quotes")
        elif finding["type"] == "string_pattern_mismatch":
            problems.append(
                f"`{key}` may hold letters, digits, space, _ . and -, at most 80, "
                "and starts with a letter or digit"
            )
        elif finding["type"] == "model_type":
            problems.append(f"`{key}` is a block of keys, such as `{key}: {{line: vip}}`")
        elif path:
            message = message.replace("Input should be", "must be").replace(
                "a valid tuple", "a list"
            )
            given = repr(finding["input"])
            given = given if len(given) <= 40 else given[:39] + "…"
            problems.append(f"`{key}`: {message} (here: {given})")
        else:
            problems.append(message)
    return problems


def _suggest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f": did you mean `{close[0]}`?" if close else f": choose from {', '.join(known)}"


class _RulesLoader(yaml.SafeLoader):
    """YAML without what a rules file has no use for: aliases, deep nesting, repeated keys."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = cast(Any, self).peek_event()
        self.nodes += 1
        self.depth += 1
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases (*name) are not allowed: write the value out", event)
        if self.nodes > MAX_YAML_NODES:
            raise _refusal(f"more entries than {MAX_RULES:,} rules have: merge rules", event)
        if self.depth > MAX_YAML_DEPTH:
            raise _refusal("nested too deep for a rules file", event)
        node = cast(Any, super()).compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _refusal(f"the key `{key.value}` stands twice: delete one", key)
            seen.add(str(key.value))
        return cast(Any, super()).construct_mapping(node, deep=deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return cast(Any, super()).construct_object(node, deep=deep)
        # Scalars that look like a date or a number and are none, such as 2025-13-45.
        except ValueError as error:
            raise _refusal("neither a date nor a number: put it in quotes", node) from error


def _refusal(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _read_yaml(text: str) -> tuple[dict[str, object], list[int]]:
    """The document as plain Python, and the line (from 1) at which each rule begins."""
    loader: Any = _RulesLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            return {}, []
        lines = [
            item.start_mark.line + 1
            for key, value in root.value
            if key.value == "rules" and isinstance(value, yaml.SequenceNode)
            for item in value.value
        ]
        return loader.construct_document(root), lines
    finally:
        loader.dispose()


def _describe_yaml_error(error: yaml.YAMLError, source: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{source}, line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return f"{source}: not readable as YAML: {str(error).splitlines()[0]}"


def _canonical_sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
