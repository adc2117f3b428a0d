"""Conditions of alert rules: what may be asked of a call, and how it is written.

The models are the language. How conditions become rules stands in `rule_set`, what they find in a
call in `engine.find`; their meaning for people in docs/rules.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.text.patterns import MAX_PROGRAM_SIZE, RegexError, compile_regex, fold
from callqa_assets.domain.yaml_config import suggest

MAX_PATTERN_LENGTH = 200
MAX_PHRASES = 200
MAX_MEMBERS = 20
ACOUSTIC = ("silence", "overlap", "loudness_rise")


def _known_emotion(name: str) -> str:
    if name not in EMOTIONS:
        raise ValueError(f"{name!r} is no emotion{suggest(name, EMOTIONS)}")
    return name


def one_or_many(value: object) -> object:
    """`line: vip` means `line: [vip]`."""
    return cast(object, value) if isinstance(value, list | tuple) else (value,)


Emotion = Annotated[str, AfterValidator(_known_emotion)]
# strict: `threshold: yes` and `threshold: "0.75"` are slips, not numbers.
Posterior = Annotated[float, Field(gt=0, le=1, strict=True)]
Seconds = Annotated[float, Field(ge=0, le=3600, strict=True)]
SomeSeconds = Annotated[float, Field(gt=0, le=3600, strict=True)]
Roles = Annotated[
    tuple[Literal["agent", "customer", "mixed"], ...],
    BeforeValidator(one_or_many),
    Field(min_length=1),
]


class Keys(BaseModel):
    """Unknown keys are errors: a misspelt `treshold` must not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _OfChannel(Keys):
    """A condition that looks at one channel: the rule's own, unless it names a role."""

    role: Roles | None = None
    """Channels looked at instead of the rule's own; found on any of them is found."""


class _Sustained(_OfChannel):
    """A level that is known in pieces of speech only, and must last."""

    duration_sec: Seconds = 0.0
    """Satisfied speech time after which the condition fires; 0 fires at the first piece."""
    keep_firing_sec: Seconds = 0.0
    """Speech time below the level that what fires outlasts."""
    max_gap_sec: Seconds = 1.0
    """Longest silence that does not break a stretch."""


class _Felt(_Sustained):
    threshold_off: Posterior | None = None
    """Level at which what fires stays on; None: the level at which it fires."""

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions whose posteriors are added up to the condition's value."""
        raise NotImplementedError

    @property
    def level_on(self) -> float:
        """Value from which the condition is satisfied."""
        raise NotImplementedError

    @property
    def level_off(self) -> float:
        """Value from which what fires stays on."""
        return self.level_on if self.threshold_off is None else self.threshold_off

    @model_validator(mode="after")
    def _off_not_above_on(self) -> _Felt:
        if self.level_off > self.level_on:
            raise ValueError(
                f"`threshold_off` {self.level_off:g} is above the level at which the rule "
                f"fires, {self.level_on:g}; lower it or leave it out"
            )
        return self


class EmotionCondition(_Felt):
    """One emotion at or above `threshold`."""

    emotion: Emotion
    threshold: Posterior

    @property
    def emotions(self) -> tuple[str, ...]:
        return (self.emotion,)

    @property
    def level_on(self) -> float:
        return self.threshold


def _no_emotion_twice(emotions: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(emotions)) < len(emotions):
        raise ValueError("names an emotion twice; delete one")
    return emotions


def _only_members(floors: Mapping[str, float], emotions: Sequence[str]) -> None:
    for emotion in floors:
        if emotion not in emotions:
            raise ValueError(
                f"`floors` names {emotion!r}, which is not in `combination`; delete one of the two"
            )


Emotions = Annotated[tuple[Emotion, ...], Field(min_length=2), AfterValidator(_no_emotion_twice)]
Floors = Annotated[dict[str, Posterior], Field(examples=["{sad: 0.3}"])]


class CombinationCondition(_Felt):
    """The sum of several emotions at or above `min_sum`, each at or above its floor."""

    combination: Emotions
    min_sum: Posterior
    floors: Floors = Field(default_factory=dict)

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.combination

    @property
    def level_on(self) -> float:
        return self.min_sum

    @model_validator(mode="after")
    def _floors_of_members(self) -> CombinationCondition:
        _only_members(self.floors, self.combination)
        return self


class CombinationBlock(Keys):
    """A combination's own keys, written as one block under `combination`."""

    emotions: Emotions
    min_sum: Posterior
    floors: Floors = Field(default_factory=dict)

    @model_validator(mode="after")
    def _floors_of_members(self) -> CombinationBlock:
        _only_members(self.floors, self.emotions)
        return self


class _CombinationInBlock(_Felt):
    """The other way to write a CombinationCondition."""

    combination: CombinationBlock

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.combination.emotions

    @property
    def level_on(self) -> float:
        return self.combination.min_sum

    def flatten(self) -> CombinationCondition:
        """The same condition with its keys side by side: both ways mean one rule, to the hash."""
        shared = {key: getattr(self, key) for key in _Felt.model_fields}
        block = self.combination
        return CombinationCondition(
            combination=block.emotions, min_sum=block.min_sum, floors=block.floors, **shared
        )


_BEYOND_LINES = re.compile(r"\\Q.*?(?:\\E|$)|(\\[AzC])|\\.|(\(\?[imsU]*-[imsU]*m)", re.DOTALL)
"""What makes a pattern see more than one segment: all of a batch is searched as one text."""


class Regex(Keys):
    """A pattern in RE2's syntax, sought in the text as transcribed, upper and lower case alike."""

    regex: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_LENGTH)]

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            compiled = compile_regex(pattern)
        except RegexError as error:
            raise ValueError(f"no regular expression that RE2 takes ({error})") from error
        for quoted, flags in _BEYOND_LINES.findall(pattern):
            if quoted or flags:
                raise ValueError(
                    f"`{quoted or flags}` does not keep to one segment; `^` and `$` are the "
                    "segment's limits, `.` is any character of it"
                )
        if compiled.programsize > MAX_PROGRAM_SIZE:
            raise ValueError(
                f"compiles to {compiled.programsize:,} steps, at most {MAX_PROGRAM_SIZE:,}; "
                "repeat less"
            )
        if compiled.search("") is not None:
            raise ValueError("matches where nothing is said; ask for at least one character")
        return pattern


def _has_letters(phrase: str) -> str:
    if not fold(phrase):
        raise ValueError("has no letter or digit; spaces and punctuation are not compared")
    return phrase


Phrase = Annotated[str, Field(max_length=MAX_PATTERN_LENGTH), AfterValidator(_has_letters)]


def _kind_of_pattern(value: object) -> str:
    return "<regex>" if isinstance(value, dict | Regex) else "<phrase>"


Pattern = Annotated[
    Annotated[Phrase, Tag("<phrase>")] | Annotated[Regex, Tag("<regex>")],
    Discriminator(_kind_of_pattern),
]
Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(one_or_many), Field(min_length=1, max_length=MAX_PHRASES)
]


class Text(Keys):
    """What is said, or not said, in a part of the call."""

    any: Patterns | None = None
    all: Patterns | None = None
    none: Patterns | None = None
    first_sec: SomeSeconds | None = None
    last_sec: SomeSeconds | None = None

    @model_validator(mode="after")
    def _one_question(self) -> Text:
        asked = [key for key in ("any", "all", "none") if getattr(self, key) is not None]
        if len(asked) != 1:
            raise ValueError(
                f"needs one of `any`, `all` and `none`, and has {' and '.join(asked) or 'none'}"
            )
        if self.first_sec is not None and self.last_sec is not None:
            raise ValueError("`first_sec` and `last_sec` exclude each other; delete one")
        return self

    @property
    def patterns(self) -> tuple[str | Regex, ...]:
        return self.any or self.all or self.none or ()


class TextCondition(_OfChannel):
    """Phrases said, or not said."""

    text: Text = Field(examples=["{any: [退款]}"])
    keep_firing_sec: Seconds = 0.0
    """Time between two places that makes them one stretch."""


def _known_sound(name: object) -> object:
    if name not in ACOUSTIC:
        raise ValueError(f"{name!r} is nothing to listen for{suggest(str(name), ACOUSTIC)}")
    return name


class ActivityCondition(Keys):
    """Nobody speaks, or two channels speak at once: a matter of the whole call."""

    acoustic: Annotated[Literal["silence", "overlap"], BeforeValidator(_known_sound)]
    duration_sec: SomeSeconds
    keep_firing_sec: Seconds = 0.0
    """Time of something else that what fires outlasts."""


class LoudnessCondition(_Sustained):
    """A channel's segments at least `rise_db` above the mean level of its speech before."""

    acoustic: Literal["loudness_rise"]
    rise_db: Annotated[float, Field(gt=0, le=60, strict=True)]
    baseline_sec: SomeSeconds = 5.0
    """Speech of the channel before which no rise can be told."""


Leaf = (
    EmotionCondition | CombinationCondition | TextCondition | ActivityCondition | LoudnessCondition
)
"""A condition that looks at the call itself."""


class _Composed(Keys):
    """Conditions in conditions."""

    not_: Annotated[tuple[Condition, ...], BeforeValidator(one_or_many)] = Field(
        (), alias="not", max_length=MAX_MEMBERS
    )
    """What must not be found within `within_sec` of the rest."""
    within_sec: Seconds = 0.0
    keep_firing_sec: Seconds = 0.0
    """Time between two stretches that makes them one."""

    @property
    def members(self) -> Sequence[Condition]:
        raise NotImplementedError


class AllCondition(_Composed):
    """Every member, at most `within_sec` apart."""

    all: Members

    @property
    def members(self) -> Sequence[Condition]:
        return self.all


class AnyCondition(_Composed):
    """Some member."""

    any: Members

    @property
    def members(self) -> Sequence[Condition]:
        return self.any


_KIND_KEYS = ("emotion", "combination", "text", "acoustic", "all", "any")


def _of_one_kind(value: object) -> object:
    """Refuses a block that does not tell by exactly one key what kind of condition it is.

    `not` is none of them: alone it would be true of nearly all of every call.
    """
    if isinstance(value, BaseModel):
        return value
    block = cast(dict[object, object], value) if isinstance(value, dict) else {}
    named = [key for key in _KIND_KEYS if key in block]
    if len(named) == 1:
        return block
    has = " and ".join(f"`{key}`" for key in named) or "none"
    asked = ", ".join(f"`{key}`" for key in _KIND_KEYS)
    raise ValueError(f"needs exactly one of {asked}, and has {has}{'' if named else _near(block)}")


def _near(block: dict[object, object]) -> str:
    """A hint where a key looks like one that tells a kind."""
    close = ((key, difflib.get_close_matches(str(key), _KIND_KEYS, n=1)) for key in block)
    return next((f"; did you mean `{near[0]}` by `{key}`?" for key, near in close if near), "")


def _kind_of(value: object) -> str:
    """The tag of a condition, from the key that tells its kind."""
    if isinstance(value, BaseModel):
        return next(tag for tag, kind in KINDS.items() if isinstance(value, kind))
    block = cast(dict[str, object], value)
    (key,) = (key for key in _KIND_KEYS if key in block)
    if key == "acoustic":
        return "<loudness>" if block[key] == "loudness_rise" else "<activity>"
    if key == "combination" and isinstance(block[key], dict):
        return "<combination in a block>"
    return f"<{key}>"


if TYPE_CHECKING:
    _Block = CombinationCondition  # what it becomes before anybody sees it
else:
    _Block = _CombinationInBlock

Condition = Annotated[
    Annotated[EmotionCondition, Tag("<emotion>")]
    | Annotated[CombinationCondition, Tag("<combination>")]
    | Annotated[
        _Block,
        AfterValidator(_CombinationInBlock.flatten),
        Tag("<combination in a block>"),
    ]
    | Annotated[TextCondition, Tag("<text>")]
    | Annotated[ActivityCondition, Tag("<activity>")]
    | Annotated[LoudnessCondition, Tag("<loudness>")]
    | Annotated[AllCondition, Tag("<all>")]
    | Annotated[AnyCondition, Tag("<any>")],
    Discriminator(_kind_of),
    BeforeValidator(_of_one_kind),
]
Members = Annotated[tuple[Condition, ...], Field(min_length=1, max_length=MAX_MEMBERS)]


KINDS: dict[str, type[Keys]] = {
    "<emotion>": EmotionCondition,
    "<combination>": CombinationCondition,
    "<text>": TextCondition,
    "<activity>": ActivityCondition,
    "<loudness>": LoudnessCondition,
    "<all>": AllCondition,
    "<any>": AnyCondition,
}
AllCondition.model_rebuild()
AnyCondition.model_rebuild()


def leaves(condition: Condition) -> Sequence[Leaf]:
    """The conditions that look at the call themselves, `not` members included."""
    if isinstance(condition, AllCondition | AnyCondition):
        return [leaf for m in (*condition.members, *condition.not_) for leaf in leaves(m)]
    return [condition]
