"""What every receiver of alerts has: its part of the channels file, and the sender that it opens.

The kinds of receiver are in `receivers/`, one module each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from callqa_assets.domain.alerts.rate_limit import Limit
from callqa_assets.domain.errors import CallqaError
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Outcome

VariableName = Annotated[
    str,
    Field(
        pattern=r"^[A-Z][A-Z0-9_]{0,79}$",
        description="the name of an environment variable, such as CALLQA_DINGTALK_URL",
    ),
]
"""Name of an environment variable: secrets are named in the file, never written."""


class ReceiverUnusableError(CallqaError):
    """A receiver to which nothing can be sent as things are; the text says what to do."""


class Sender(Protocol):
    """Sends to one receiver."""

    def send(self, message: Message) -> Outcome:
        """Make one attempt, within the receiver's `lease`. Raises nothing a receiver causes."""
        ...


class FileModel(BaseModel):
    """A part of the channels file. Unknown keys are errors: a misspelt `limts` must not become a
    default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Receiver(FileModel, ABC):
    """One receiver, as in the file. A field named `…_env` names a variable with a secret."""

    language: Literal["zh", "en"] = "zh"
    limits: tuple[Limit, ...] = Field(min_length=1)
    """All of them hold, across processes."""
    fold_above: int = Field(default=10, ge=1, le=1_000)
    """More new alerts than this, or than may be sent at the moment, become one digest."""
    timeout_sec: float = Field(default=10.0, gt=0, le=60)
    """For each step of an attempt."""
    pause_sec: float = Field(default=60.0, gt=0)
    """Pause after the receiver said 'too many', where it does not say how long."""

    spaces_allowed: ClassVar[Collection[str]] = ()
    """Fields whose variables may hold spaces; elsewhere a space is a slip of copying."""
    max_text_bytes: ClassVar[int]
    """Longest text of a message, encoded as JSON."""

    @abstractmethod
    def open(self, secrets: Mapping[str, str], writer: MessageWriter) -> Sender:
        """Its sender; `secrets` as `read_secrets` returns them. Raises ReceiverUnusableError."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Number of steps of one attempt, each of which may take `timeout_sec`."""

    @property
    def lease(self) -> timedelta:
        """Time after which an attempt is certainly over."""
        return timedelta(seconds=self.timeout_sec * self.steps + 5.0)

    def secret_names(self) -> tuple[str, ...]:
        """Environment variables that must be set before anything can be sent."""
        return tuple(self._variables().values())

    def read_secrets(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The values of `secret_names()`.

        Raises ReceiverUnusableError naming those that are not set, or hold what no secret does: a
        line end, a space or a character that nobody sees.
        """
        names = self.secret_names()
        if missing := [name for name in names if not environment.get(name)]:
            raise ReceiverUnusableError(f"not configured: set {' and '.join(missing)}")
        for field, name in self._variables().items():
            value, spaces = environment[name], field in self.spaces_allowed
            if not value.isprintable() or value != value.strip() or (" " in value and not spaces):
                raise ReceiverUnusableError(
                    f"{name} holds a space, a line end or an invisible character: set it again "
                    "without, copied as one line"
                )
        return {name: environment[name] for name in names}

    def _variables(self) -> dict[str, str]:
        """The variables that the file names, by field."""
        named = ((key, getattr(self, key)) for key in type(self).model_fields)
        return {key: name for key, name in named if key.endswith("_env") and name is not None}
