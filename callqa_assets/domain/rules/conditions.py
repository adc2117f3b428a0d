"""Conditions of alert rules: what may be asked of a call, and how it is written.

These models define the language of conditions. Rules are in `rule_set`, evaluation in `engine`;
the reference for people who write rules is docs/rules.md.
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
# strict: `threshold: yes` and `threshold: "0.75"` are mistakes, not numbers.
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
    """A condition on one channel: the rule's own, unless it names a role."""

    role: Roles | None = None
    """Evaluate on the channels with these roles instead of the rule's own; any of them counts."""


class _Sustained(_OfChannel):
    """A level that is known during speech only, and must last."""

    duration_sec: Seconds = 0.0
    """Speech time at the level after which the condition fires; 0: at the first window."""
    keep_firing_sec: Seconds = 0.0
    """Speech time below the level that does not end a firing."""
    max_gap_sec: Seconds = 1.0
    """Longest silence that does not end an interval."""


class _EmotionLevel(_Sustained):
    threshold_off: Posterior | None = None
    """Level down to which a firing lasts (hysteresis); None: the level at which it fires."""

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions whose posteriors add up to the condition's value."""
        raise NotImplementedError

    @property
    def level_on(self) -> float:
        """Least value at which the condition is satisfied."""
        raise NotImplementedError

    @property
    def level_off(self) -> float:
        """Least value at which a firing lasts."""
        return self.level_on if self.threshold_off is None else self.threshold_off

    @model_validator(mode="after")
    def _off_not_above_on(self) -> _EmotionLevel:
        if self.level_off > self.level_on:
            raise ValueError(
                f"`threshold_off` {self.level_off:g} is above the level at which the rule "
                f"fires, {self.level_on:g}; lower it or leave it out"
            )
        return self


class EmotionCondition(_EmotionLevel):
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


class CombinationCondition(_EmotionLevel):
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


class _CombinationInBlock(_EmotionLevel):
    """The other way to write a CombinationCondition."""

    combination: CombinationBlock

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.combination.emotions

    @property
    def level_on(self) -> float:
        return self.combination.min_sum

    def flatten(self) -> CombinationCondition:
        """The same condition with its keys side by side: both notations have the same hash."""
        shared = {key: getattr(self, key) for key in _EmotionLevel.model_fields}
        block = self.combination
        return CombinationCondition(
            combination=block.emotions, min_sum=block.min_sum, floors=block.floors, **shared
        )


_BEYOND_LINES = re.compile(r"\\Q.*?(?:\\E|$)|(\\[AzC])|\\.|(\(\?[imsU]*-[imsU]*m)", re.DOTALL)
"""What lets a pattern match across segments: all segments of a batch are searched as one text."""


class Regex(Keys):
    """A pattern in RE2's syntax, searched in the text as transcribed; case does not matter."""

    regex: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_LENGTH)]

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            compiled = compile_regex(pattern)
        except RegexError as error:
            raise ValueError(f"not a regular expression of RE2 ({error})") from error
        for quoted, flags in _BEYOND_LINES.findall(pattern):
            if quoted or flags:
                raise ValueError(
                    f"`{quoted or flags}` can match across segments; `^` and `$` are the limits "
                    "of a segment, `.` is any character in it"
                )
        if compiled.programsize > MAX_PROGRAM_SIZE:
            raise ValueError(
                f"compiles to {compiled.programsize:,} steps, at most {MAX_PROGRAM_SIZE:,}; "
                "repeat less"
            )
        if compiled.search("") is not None:
            raise ValueError("matches empty text; require at least one character")
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
    """Phrases that are said, or not said, in a part of the call."""

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
    """Phrases that are said, or not said."""

    text: Text = Field(examples=["{any: [退款]}"])
    keep_firing_sec: Seconds = 0.0
    """Longest time between two matches that belong to one interval."""


def _known_sound(name: object) -> object:
    if name not in ACOUSTIC:
        raise ValueError(f"{name!r} is no acoustic condition{suggest(str(name), ACOUSTIC)}")
    return name


class ActivityCondition(Keys):
    """Silence on all channels, or speech on two at once: a property of the call as a whole."""

    acoustic: Annotated[Literal["silence", "overlap"], BeforeValidator(_known_sound)]
    duration_sec: SomeSeconds
    keep_firing_sec: Seconds = 0.0
    """Longest interruption that does not end a firing."""


class LoudnessCondition(_Sustained):
    """A channel's segments at least `rise_db` above the mean level of its speech before."""

    acoustic: Literal["loudness_rise"]
    rise_db: Annotated[float, Field(gt=0, le=60, strict=True)]
    baseline_sec: SomeSeconds = 5.0
    """Speech of the channel that must come first: the mean is taken over it."""


Leaf = (
    EmotionCondition | CombinationCondition | TextCondition | ActivityCondition | LoudnessCondition
)
"""A condition that is evaluated on the call itself, not on other conditions."""


class _Composed(Keys):
    """Conditions in conditions."""

    not_: Annotated[tuple[Condition, ...], BeforeValidator(one_or_many)] = Field(
        (), alias="not", max_length=MAX_MEMBERS
    )
    """What must not be found within `within_sec` of the rest."""
    within_sec: Seconds = 0.0
    keep_firing_sec: Seconds = 0.0
    """Longest time between two intervals that are joined into one."""

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
    """At least one member."""

    any: Members

    @property
    def members(self) -> Sequence[Condition]:
        return self.any


_KIND_KEYS = ("emotion", "combination", "text", "acoustic", "all", "any")


def _of_one_kind(value: object) -> object:
    """Refuse a block without exactly one key that states the kind of condition.

    `not` is no such key: alone it would hold for nearly all of every call.
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
    """A hint where a key is similar to one that states a kind."""
    close = ((key, difflib.get_close_matches(str(key), _KIND_KEYS, n=1)) for key in block)
    return next((f"; did you mean `{near[0]}` by `{key}`?" for key, near in close if near), "")


def _kind_of(value: object) -> str:
    """The tag of a condition, from the key that states its kind."""
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
    _Block = CombinationCondition  # what validation turns it into
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
    """The conditions evaluated on the call itself, `not` members included."""
    if isinstance(condition, AllCondition | AnyCondition):
        return [leaf for m in (*condition.members, *condition.not_) for leaf in leaves(m)]
    return [condition]
