"""Scripts: what is to be said in a call, and what never, and how the file that says so is read.

`load_scripts` is the only way from YAML text to scripts. Calls are judged in `evaluate`. Reference
for people who write scripts: docs/scripts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from callqa_assets.domain.digest import hash_json
from callqa_assets.domain.rules.conditions.keys import Keys, SomeSeconds, one_or_many
from callqa_assets.domain.rules.rule_set import Name, When
from callqa_assets.domain.scripts.phrases import (
    PhraseError,
    Tolerance,
    tolerant_patterns,
)
from callqa_assets.domain.yaml_config import ConfigError, Loaded, load, suggest

MAX_YAML_NODES = 40_000


class ScriptsError(ConfigError):
    """A scripts file that cannot be used."""


def _searchable(phrase: str) -> str:
    try:
        tolerant_patterns(phrase, Tolerance())
    except PhraseError as error:
        raise ValueError(str(error)) from None
    return phrase


Phrase = Annotated[
    str, Field(strict=True, description="text in quotes"), AfterValidator(_searchable)
]
Phrases = Annotated[tuple[Phrase, ...], BeforeValidator(one_or_many), Field(min_length=1)]
Speaker = Literal["agent", "customer", "anyone"]
Score = Annotated[float, Field(ge=50, le=100)]


class _Item(Keys):
    """What the three kinds of items share."""

    name: Name
    role: Speaker = "agent"
    """Who is to say it, or never."""


class RequiredItem(_Item):
    """What must be said, in any one of its wordings."""

    required: Phrases
    within_first_sec: SomeSeconds | None = None
    """It begins within the conversation's first seconds."""
    within_last_sec: SomeSeconds | None = None
    """It ends within the conversation's last seconds."""
    before: Name | None = None
    """It begins before that item is first said; where that never is, nothing is asked."""
    after: Name | None = None
    """It begins after that item is first said; where that never is, nothing is asked."""
    only_with: Name | None = None
    """It must be said, anywhere, where that item is said; where that never is, nothing is asked."""
    min_score: Score | None = None
    """In place of the file's."""

    @property
    def named(self) -> Mapping[str, str]:
        """Key to the item that it names."""
        keys = ("before", "after", "only_with")
        return {key: name for key in keys if (name := getattr(self, key)) is not None}


class ForbiddenItem(_Item):
    """What must never be said; every syllable of it must be heard."""

    forbidden: Phrases
    unless: Annotated[tuple[Phrase, ...], BeforeValidator(one_or_many)] = ()
    """The guard list: phrases that hold a forbidden one and are allowed."""


class MentionedItem(_Item):
    """What others refer to; it is not judged itself."""

    mentioned: Phrases


_KINDS = {"required": RequiredItem, "forbidden": ForbiddenItem, "mentioned": MentionedItem}


def _of_one_kind(value: object) -> object:
    if isinstance(value, BaseModel):
        return value
    block = cast(dict[object, object], value) if isinstance(value, dict) else {}
    named = [key for key in _KINDS if key in block]
    if len(named) != 1:
        has = " and ".join(f"`{key}`" for key in named) or "none"
        raise ValueError(f"needs exactly one of `required`, `forbidden`, `mentioned`, has {has}")
    return block


def _tag_of(value: Any) -> str:
    """In brackets, so that problems do not take the tag for the key of the same name."""
    if isinstance(value, BaseModel):
        return next(f"<{key}>" for key, kind in _KINDS.items() if isinstance(value, kind))
    return next(f"<{key}>" for key in _KINDS if key in value)


Item = Annotated[
    Annotated[RequiredItem, Tag("<required>")]
    | Annotated[ForbiddenItem, Tag("<forbidden>")]
    | Annotated[MentionedItem, Tag("<mentioned>")],
    Discriminator(_tag_of),
    BeforeValidator(_of_one_kind),
]


class Script(Keys):
    """Items that are judged in the calls that it is for."""

    name: Name
    when: When | None = Field(None, examples=["{queue: wealth}"])
    """The calls; without it, all."""
    items: Annotated[tuple[Item, ...], Field(min_length=1)]

    @property
    def judged(self) -> tuple[RequiredItem | ForbiddenItem, ...]:
        return tuple(item for item in self.items if not isinstance(item, MentionedItem))


class Matching(Keys):
    """Levels, for every script of the file."""

    min_score: Score = Tolerance().min_score
    """Lowest score of a required phrase of six syllables or more."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Below this mean confidence of the transcripts in its window, a miss is `unsure`."""


class ScriptSet(Keys):
    """The scripts of one file."""

    scripts: tuple[Script, ...]
    matching: Matching = Matching()

    @model_validator(mode="before")
    @classmethod
    def _has_scripts(cls, content: object) -> object:
        block = cast(dict[str, object], content) if isinstance(content, dict) else {}
        if not isinstance(block.get("scripts"), list):
            raise ValueError(
                "no list under `scripts:`; start the file with `scripts:`, or with `scripts: []` "
                "where nothing is to be checked"
            )
        return block

    @cached_property
    def scripts_hash(self) -> str:
        """SHA-256 of the content: comments, layout and order of scripts do not matter."""
        by_name = sorted(self.scripts, key=lambda script: script.name)
        return hash_json(
            [self.matching.model_dump(mode="json"), [s.model_dump(mode="json") for s in by_name]]
        )


def load_scripts(text: str, *, source: str) -> ScriptSet:
    """Scripts from the text of a YAML file; `source` is the name under which errors report it.

    Raises ScriptsError with every problem found.
    """
    return load_scripts_with_lines(text, source=source).value


def load_scripts_with_lines(text: str, *, source: str) -> Loaded[ScriptSet]:
    """As `load_scripts`, with the lines of what it holds."""
    loaded = load(
        text,
        ScriptSet,
        source=source,
        error=ScriptsError,
        entries={"scripts": "script"},
        max_nodes=MAX_YAML_NODES,
    )
    if problems := list(_find_conflicts(loaded)):
        raise ScriptsError(*problems)
    return loaded


def _find_conflicts(loaded: Loaded[ScriptSet]) -> Iterator[str]:
    """Problems between scripts and items that are valid by themselves."""
    names: set[str] = set()
    for number, script in enumerate(loaded.value.scripts):
        place = ("scripts", number)
        if script.name in names:
            yield loaded.describe(place, "another script has the same name; rename one")
        names.add(script.name)
        items = [item.name for item in script.items]
        for position, item in enumerate(script.items):
            here = (*place, "items", position)
            if item.name in items[:position]:
                yield loaded.describe(here, f"two items are named {item.name!r}; rename one")
            for key, name in item.named.items() if isinstance(item, RequiredItem) else ():
                if name not in items or name == item.name:
                    others = [other for other in items if other != item.name]
                    problem = f"`{key}` of {item.name!r} names {name!r}, which is no other item"
                    yield loaded.describe((*here, key), problem + suggest(name, others))
        try:
            order_of_judging(script)
        except CycleError as error:
            circle = " → ".join(error.args[1])
            problem = f"items refer to each other in a circle, {circle}; delete one of the links"
            yield loaded.describe(place, problem)


def order_of_judging(script: Script) -> tuple[Item, ...]:
    """The items, each after those that it names. Raises CycleError."""
    by_name = {item.name: item for item in script.items}
    order = TopologicalSorter(
        {
            item.name: [
                name
                for name in (item.named.values() if isinstance(item, RequiredItem) else ())
                if name in by_name
            ]
            for item in script.items
        }
    )
    return tuple(by_name[name] for name in order.static_order())
