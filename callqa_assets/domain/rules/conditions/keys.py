"""Keys of rules and conditions: models that know their keys, and types that several of them share.

Nothing here knows what a condition finds (`leaf`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def one_or_many(value: object) -> object:
    """`line: vip` means `line: [vip]`."""
    return cast(object, value) if isinstance(value, list | tuple) else (value,)


# strict: `duration_sec: yes` and `duration_sec: "2"` are slips, not numbers.
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


class ConditionKeys(Keys):
    """A kind of condition, known in a file by one key."""

    key: ClassVar[str]
    """The key that names the kind; every block has exactly one such key."""

    @classmethod
    def is_meant_by(cls, value: object) -> bool:
        """Whether this value of `key` means this kind, where several kinds share the key."""
        return True
