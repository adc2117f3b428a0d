"""Conditions on the emotions of a channel: of one emotion, or of several added up.

A combination is written in two ways, which mean one rule, to the hash.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.conditions.keys import Keys
from callqa_assets.domain.rules.conditions.leaf import Leaf, to_seconds
from callqa_assets.domain.rules.conditions.levels import TOLERANCE, FoundLevels, LevelLeaf
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.intervals import Floats
from callqa_assets.domain.yaml_config import suggest


def _known_emotion(name: str) -> str:
    if name not in EMOTIONS:
        raise ValueError(f"{name!r} is no emotion{suggest(name, EMOTIONS)}")
    return name


def _no_emotion_twice(emotions: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(emotions)) < len(emotions):
        raise ValueError("names an emotion twice; delete one")
    return emotions


Emotion = Annotated[str, AfterValidator(_known_emotion)]
# strict: `threshold: yes` and `threshold: "0.75"` are mistakes, not numbers.
Posterior = Annotated[float, Field(gt=0, le=1, strict=True)]
Emotions = Annotated[tuple[Emotion, ...], Field(min_length=2), AfterValidator(_no_emotion_twice)]
Floors = Annotated[dict[str, Posterior], Field(examples=["{sad: 0.3}"])]


class EmotionLeaf(LevelLeaf):
    """The sum of some emotions' posteriors at or above a level."""

    threshold_off: Posterior | None = None
    """Level down to which a firing lasts (hysteresis); None: the level at which it fires."""

    @property
    @abstractmethod
    def emotions(self) -> tuple[str, ...]:
        """Emotions whose posteriors add up to the condition's value."""

    @property
    @abstractmethod
    def level_on(self) -> float:
        """Least value at which the condition is satisfied."""

    @property
    def level_off(self) -> float:
        """Least value at which a firing lasts."""
        return self.level_on if self.threshold_off is None else self.threshold_off

    @property
    def least(self) -> Mapping[str, float]:
        """Posteriors that single emotions must reach besides."""
        return {}

    @property
    def label(self) -> str:
        return "emotion"

    @model_validator(mode="after")
    def _off_not_above_on(self) -> EmotionLeaf:
        if self.level_off > self.level_on:
            raise ValueError(
                f"`threshold_off` {self.level_off:g} is above the level at which the rule "
                f"fires, {self.level_on:g}; lower it or leave it out"
            )
        return self

    @property
    def is_met_by_neutral(self) -> bool:
        return "neutral" in self.emotions and not set(self.least) - {"neutral"}

    def implies(self, other: Leaf) -> bool:
        if not isinstance(other, EmotionLeaf):
            return False
        least = dict(self.least)
        if len(self.emotions) == 1:
            least[self.emotions[0]] = self.level_on
        total = (
            self.level_on
            if set(self.emotions) <= set(other.emotions)
            else sum(least.get(emotion, 0.0) for emotion in other.emotions)
        )
        return (
            total >= other.level_on
            and all(least.get(emotion, 0.0) >= floor for emotion, floor in other.least.items())
            and self.role == other.role
            and self.duration_sec >= other.duration_sec
            and self.max_gap_sec <= other.max_gap_sec
        )

    def find(self, batch: CallBatch) -> FoundEmotion:
        pieces = batch.tiles
        columns = [pieces.posteriors[EMOTIONS.index(emotion)] for emotion in self.emotions]
        values = columns[0]
        for column in columns[1:]:
            values = values + column
        for emotion, floor in self.least.items():
            enough = pieces.posteriors[EMOTIONS.index(emotion)] >= floor - TOLERANCE
            values = np.where(enough, values, 0.0)
        found = self.sustain(
            pieces.start, pieces.end, values, level_on=self.level_on, level_off=self.level_off
        )
        return FoundEmotion(found, pieces.start, pieces.end, values, self, pieces.posteriors)


@dataclass(frozen=True)
class FoundEmotion(FoundLevels):
    """Intervals of emotion."""

    leaf: EmotionLeaf
    posteriors: Floats
    """Shape [9, n]."""

    def explain(self, start: int, end: int) -> dict[str, Any]:
        """The levels, and the emotions in some of the pieces."""
        first, last = self.pieces_between(start, end)
        index = self.choose_points(start, end)
        windows = {
            "start_s": to_seconds(self.start[index]),
            "end_s": to_seconds(self.end[index]),
        }
        for emotion in self.leaf.emotions:
            column = self.posteriors[EMOTIONS.index(emotion), index]
            windows[emotion] = column.round(4).tolist()
        return {
            "level_on": self.leaf.level_on,
            "level_off": self.leaf.level_off,
            "floors": dict(self.leaf.least),
            "duration_sec": self.leaf.duration_sec,
            "keep_firing_sec": self.leaf.keep_firing_sec,
            "max_gap_sec": self.leaf.max_gap_sec,
            "windows_in_stretch": last - first,
            "windows": windows,
        }


class EmotionCondition(EmotionLeaf):
    """One emotion at or above `threshold`."""

    key: ClassVar[str] = "emotion"
    emotion: Emotion
    threshold: Posterior

    @property
    def emotions(self) -> tuple[str, ...]:
        return (self.emotion,)

    @property
    def level_on(self) -> float:
        return self.threshold


def _only_members(floors: Mapping[str, float], emotions: Sequence[str]) -> None:
    for emotion in floors:
        if emotion not in emotions:
            raise ValueError(
                f"`floors` names {emotion!r}, which is not in `combination`; delete one of the two"
            )


class CombinationCondition(EmotionLeaf):
    """The sum of several emotions at or above `min_sum`, each at or above its floor."""

    key: ClassVar[str] = "combination"
    combination: Emotions
    min_sum: Posterior
    floors: Floors = Field(default_factory=dict)

    @classmethod
    def is_meant_by(cls, value: object) -> bool:
        return not isinstance(value, dict)

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.combination

    @property
    def level_on(self) -> float:
        return self.min_sum

    @property
    def least(self) -> Mapping[str, float]:
        return self.floors

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


class CombinationInBlock(EmotionLeaf):
    """The other way to write a CombinationCondition."""

    key: ClassVar[str] = "combination"
    combination: CombinationBlock

    @classmethod
    def is_meant_by(cls, value: object) -> bool:
        return isinstance(value, dict)

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.combination.emotions

    @property
    def level_on(self) -> float:
        return self.combination.min_sum

    def flatten(self) -> CombinationCondition:
        """The same condition with its keys side by side."""
        shared = {key: getattr(self, key) for key in EmotionLeaf.model_fields}
        block = self.combination
        return CombinationCondition(
            combination=block.emotions, min_sum=block.min_sum, floors=block.floors, **shared
        )


if TYPE_CHECKING:
    FlattenedCombination = CombinationCondition  # what it becomes before anybody sees it
else:
    FlattenedCombination = Annotated[CombinationInBlock, AfterValidator(CombinationInBlock.flatten)]
