"""Conditions on conditions, `all`, `any` and `not`, and the union of every condition there is.

How a block tells which kind it is derives from the kinds' own keys.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, cast, get_args

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag

from callqa_assets.domain.rules.conditions.keys import ConditionKeys, Seconds, one_or_many
from callqa_assets.domain.rules.conditions.leaf import Leaf
from callqa_assets.domain.rules.conditions.registry import LeafCondition
from callqa_assets.domain.rules.engine.intervals import Intervals, meet, unite_all, us

MAX_MEMBERS = 20


class Composed(ConditionKeys, ABC):
    """Conditions in conditions."""

    not_: Annotated[tuple[Condition, ...], BeforeValidator(one_or_many)] = Field(
        (), alias="not", max_length=MAX_MEMBERS
    )
    """What must not be found within `within_sec` of the rest."""
    within_sec: Seconds = 0.0
    keep_firing_sec: Seconds = 0.0
    """Time between two intervals that makes them one."""

    @property
    @abstractmethod
    def members(self) -> Sequence[Condition]:
        """What is composed, `not` aside."""

    @abstractmethod
    def combine(self, found: Sequence[Intervals]) -> Intervals:
        """Where the condition holds, `not` aside, from where each member does."""


class AllCondition(Composed):
    """Every member, at most `within_sec` apart."""

    key: ClassVar[str] = "all"
    all: Members

    @property
    def members(self) -> Sequence[Condition]:
        return self.all

    def combine(self, found: Sequence[Intervals]) -> Intervals:
        return meet(found, us(self.within_sec))


class AnyCondition(Composed):
    """At least one member."""

    key: ClassVar[str] = "any"
    any: Members

    @property
    def members(self) -> Sequence[Condition]:
        return self.any

    def combine(self, found: Sequence[Intervals]) -> Intervals:
        return unite_all(found)


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


def _tag_of(value: object) -> str:
    """The tag of a condition, from the key that states its kind."""
    if isinstance(value, BaseModel):
        return next(tag for tag, kind in KINDS.items() if isinstance(value, kind))
    block = cast(dict[str, object], value)
    sharing = {tag: kind for tag, kind in KINDS.items() if kind.key in block}
    meant = (tag for tag, kind in sharing.items() if kind.is_meant_by(block[kind.key]))
    return next(meant, next(iter(sharing)))


_AnyKind = (
    LeafCondition | Annotated[AllCondition, Tag("<all>")] | Annotated[AnyCondition, Tag("<any>")]
)
Condition = Annotated[_AnyKind, Discriminator(_tag_of), BeforeValidator(_of_one_kind)]
Members = Annotated[tuple[Condition, ...], Field(min_length=1, max_length=MAX_MEMBERS)]


def _find_kinds(union: Any) -> dict[str, type[ConditionKeys]]:
    """The kind behind each tag."""
    members = [get_args(member) for member in get_args(union)]
    return {note.tag: kind for kind, *notes in members for note in notes if isinstance(note, Tag)}


KINDS = _find_kinds(_AnyKind)
_KIND_KEYS = tuple(dict.fromkeys(kind.key for kind in KINDS.values()))
AllCondition.model_rebuild()
AnyCondition.model_rebuild()


def leaves(condition: Condition) -> Sequence[Leaf]:
    """The conditions evaluated on the call itself, `not` members included."""
    if isinstance(condition, Leaf):
        return [condition]
    return [leaf for m in (*condition.members, *condition.not_) for leaf in leaves(m)]
