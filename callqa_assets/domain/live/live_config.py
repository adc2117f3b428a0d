"""`configs/live.yaml`: the sources that may stream calls. Reference: docs/serving.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from callqa_assets.domain.rules.conditions.keys import Keys
from callqa_assets.domain.yaml_config import ConfigError, Loaded, load

SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class LiveError(ConfigError):
    """A live file that cannot be used."""


class LiveSource(Keys):
    """One phone platform that streams its calls."""

    name: SourceName
    """Part of the address to which it connects."""
    protocol: Literal["fork"] = "fork"
    rate_hz: Literal[8000, 16000] = 8000
    channel_roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=8)] = Field(
        ("customer", "agent"), examples=["[customer, agent]"]
    )
    """Of its channels, in their order: as many as it sends."""


class LiveConfig(Keys):
    """The whole file."""

    sources: Annotated[tuple[LiveSource, ...], Field(max_length=100)] = ()
    max_sessions: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Calls at once; more are refused."""
    max_hours: Annotated[float, Field(gt=0, le=24)] = 4.0
    """Longest call; what is longer goes on as another recording."""
    resume_sec: Annotated[float, Field(ge=0, le=300)] = 30.0
    """After a connection broke, how long its call may come back under the same `call_id`."""

    def find(self, name: str) -> LiveSource | None:
        return next((source for source in self.sources if source.name == name), None)


def load_live_config(text: str, *, source: str) -> LiveConfig:
    """The configuration in the text of a YAML file; `source` is its name in errors.

    Raises LiveError with every problem found.
    """
    loaded = load(text, LiveConfig, source=source, error=LiveError, entries={"sources": "source"})
    if problems := list(_find_repeats(loaded)):
        raise LiveError(*problems)
    return loaded.value


def _find_repeats(loaded: Loaded[LiveConfig]) -> Iterator[str]:
    names = [source.name for source in loaded.value.sources]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield loaded.describe(
                ("sources", number), f"an earlier source is also called {name!r}; rename one"
            )
