"""Topics: what `configs/topics.yaml` may say, and how it is read. Reference: docs/topics.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from callqa_assets.domain.rules.conditions.keys import Keys, Roles, one_or_many
from callqa_assets.domain.rules.conditions.text import Patterns, Regex
from callqa_assets.domain.rules.rule_set import Matches, Name
from callqa_assets.domain.yaml_config import ConfigError, Loaded, load

MAX_TOPICS = 500
MAX_YAML_NODES = 100 * MAX_TOPICS
MAX_POINTS = 20
MAX_REGEXES = 200
"""Each may take 1 MiB of memory while it is searched for."""


class TopicsError(ConfigError):
    """A topics file that cannot be used."""


class Display(Keys):
    """How reports call the topic."""

    zh: Annotated[str, Field(min_length=1, max_length=80)]
    en: Annotated[str, Field(min_length=1, max_length=80)]


class Point(Keys):
    """What an agent has to say in a call on a topic."""

    name: Name
    any: Patterns = Field(examples=["[三到五个工作日, {regex: '[0-9]+天内到账'}]"])
    """Phrases and regular expressions; one is enough."""


class Topic(Keys):
    """One topic: where it is looked for, and what counts as speaking of it."""

    name: Name
    display: Display | None = Field(None, examples=["{zh: 退费, en: Refunds}"])
    any: Patterns = Field(examples=["[退费, {regex: '退.{0,3}学费'}]"])
    """Phrases and regular expressions; one is enough."""
    unless: Annotated[Patterns | tuple[()], BeforeValidator(one_or_many)] = ()
    """A match that one of these overlaps does not count: 不用退费."""
    role: Roles | None = None
    """Who must say it; None: anybody."""
    queue: Matches | None = None
    """Queues in which it is looked for; None: in all."""
    channels: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = Field(
        (), examples=["[dingtalk]"]
    )
    """Receivers, of `configs/channels.yaml`, that are told of a spike of the topic."""
    points: Annotated[tuple[Point, ...], Field(max_length=MAX_POINTS)] = Field(
        (), examples=["[{name: 到账时间, any: [工作日, 到账]}]"]
    )
    """What agents are to explain about it: compared in `policy_explanations`."""

    @cached_property
    def search(self) -> dict[str, Any]:
        """What decides where it is found, JSON-serialisable: what another one counts cannot be
        compared."""
        return self.model_dump(mode="json", exclude={"name", "display", "channels", "points"})


def is_sought_in(queues: Sequence[str] | None, queue: str | None) -> bool:
    """Whether a topic of these `queues` (None: of all) is looked for in a call of `queue`."""
    if queues is None:
        return True
    return queue is not None and queue.casefold() in {name.casefold() for name in queues}


@dataclass(frozen=True)
class TopicSet:
    """The topics of one file, in the file's order."""

    topics: tuple[Topic, ...] = ()

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """Every phrase that a topic looks for, without regular expressions; none twice."""
        return tuple(
            dict.fromkeys(p for topic in self.topics for p in topic.any if isinstance(p, str))
        )


class _TopicsDocument(Keys):
    topics: Annotated[tuple[Topic, ...], Field(max_length=MAX_TOPICS)] = ()


def load_topics(text: str, *, source: str) -> TopicSet:
    """Topics from the text of a YAML file; `source` is the name under which errors report it.

    Raises TopicsError with every problem found.
    """
    loaded = load(
        text,
        _TopicsDocument,
        source=source,
        error=TopicsError,
        entries={"topics": "topic"},
        max_nodes=MAX_YAML_NODES,
    )
    if problems := list(_find_conflicts(loaded)):
        raise TopicsError(*problems)
    return TopicSet(loaded.value.topics)


def _find_conflicts(loaded: Loaded[_TopicsDocument]) -> Iterator[str]:
    first_numbers: dict[str, int] = {}
    regexes = 0
    for number, topic in enumerate(loaded.value.topics):
        place = ("topics", number)
        first = first_numbers.setdefault(topic.name, number)
        if first != number:
            line = loaded.line_of("topics", first)
            yield loaded.describe(place, f"the topic in line {line} has the same name; rename one")
        names = [point.name for point in topic.points]
        for at, name in enumerate(names):
            if name in names[:at]:
                point = (*place, "points", at)
                yield loaded.describe(point, f"an earlier point is also called {name!r}; rename it")
        before = regexes
        patterns = (*topic.any, *topic.unless, *(p for point in topic.points for p in point.any))
        regexes += sum(isinstance(pattern, Regex) for pattern in patterns)
        if before <= MAX_REGEXES < regexes:
            yield loaded.describe(
                place,
                f"the file has more than {MAX_REGEXES} regular expressions from here on; "
                "use phrases where they suffice",
            )
