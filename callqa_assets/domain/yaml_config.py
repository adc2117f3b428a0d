"""Configuration files: YAML text into a pydantic model, with line and cure for every problem.

The one loader of every kind of configuration file. Files are read from disk by
`resources.storage.config_files`; which YAML is accepted is in `yaml_document`, and full-width signs
in it, which are told first, in `yaml_slips`.

A problem reads `source, line N, rule 'name': `key.path`: cause; cure`. A field may add to the cure:
`Field(description=…)` completes 'must be …' and 'add …', and `Field(examples=[…])` shows how a
block is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from callqa_assets.domain.config_places import Place, find_place
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.yaml_document import Path, UnreadableYamlError, YamlDocument, parse_yaml
from callqa_assets.domain.yaml_slips import advise, find_slips

MAX_BYTES = 1_000_000
MAX_NODES = 40_000
"""Keys and values."""
MAX_PROBLEMS_SHOWN = 20
MAX_SUGGESTIONS = 20

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(CallqaError):
    """A configuration file that cannot be used; each kind of file has its own subclass."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        """A line each: source, line, key, cause and cure."""
        shown = list(problems[:MAX_PROBLEMS_SHOWN])
        if len(problems) > len(shown):
            shown.append(f"… and {len(problems) - len(shown)} more")
        super().__init__("\n".join(shown))


@dataclass(frozen=True)
class Loaded(Generic[Model]):
    """A file's content as a model, and where each part of it is written."""

    value: Model
    _source: _Source

    def line_of(self, *path: str | int) -> int:
        """Line (from 1) of a key or list entry, such as `("rules", 3, "inhibits")`."""
        return self._source.document.line_of(path)

    def describe(self, path: Path, problem: str) -> str:
        """A problem that the model alone cannot find, with source, line and entry."""
        entry, _ = self._source.split(path)
        return f"{self._source.name}, line {self.line_of(*path)}{entry}: {problem}"


def load(
    text: str,
    model: type[Model],
    *,
    source: str,
    error: type[ConfigError],
    entries: Mapping[str, str] | None = None,
    hide_values: bool = False,
    max_nodes: int = MAX_NODES,
) -> Loaded[Model]:
    """The text's content as `model`; an empty text is an empty block.

    Args:
        source: The name under which problems report the text.
        entries: Top-level keys whose entries are reported by name, with the word for one entry:
            `{"rules": "rule"}`. The name is the entry's `name`, or its key in a block.
        hide_values: No problem repeats a value of the text, nor a key that may be a value in the
            wrong place. The messages of the model's own validators must not repeat any either.

    Raises:
        error: with every problem found.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise error(f"{source}: larger than {MAX_BYTES:,} bytes; split or shorten it")
    try:
        document = parse_yaml(text, max_nodes)
    except UnreadableYamlError as unreadable:
        detail = f": {unreadable.detail}" if unreadable.detail and not hide_values else ""
        problem = f"{unreadable.cause}{detail}; {unreadable.cure}"
        problems = [f"{source}, line {unreadable.line}: {problem}"]
    else:
        place = _Source(source, document, entries or {}, hide_values)
        try:
            return Loaded(model.model_validate(document.content), place)
        except ValidationError as invalid:
            problems = _describe_findings(invalid, model, place)
    # Outside the handlers: pydantic's message repeats values, and would be the error's context.
    raise error(*(f"{source}, line {n}: {slip}" for n, slip in find_slips(text)), *problems)


def suggest(word: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown word: what may have been meant."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    shown = [*known[:MAX_SUGGESTIONS], "…"] if len(known) > MAX_SUGGESTIONS else known
    return f"; choose from {', '.join(shown)}"


_PLAIN = re.compile(r"[^\W\d][\w .-]{0,29}")
"""A key that is not a misplaced secret: these are longer, or have other characters."""


@dataclass(frozen=True)
class _Source:
    """A document, with what is needed to report problems in it."""

    name: str
    document: YamlDocument
    entries: Mapping[str, str]
    hide_values: bool

    def split(self, path: Path) -> tuple[str, Path]:
        """`, rule 'anger'` where the path lies in an entry (else ''), and the rest of the path."""
        if len(path) < 2 or path[0] not in self.entries:
            return "", path
        around = cast(Mapping[object, Any], self.document.content)[path[0]]
        entry = around[path[1]]
        if not isinstance(entry, dict):
            return "", path
        name = path[1] if isinstance(around, dict) else cast(Any, entry).get("name")
        called = "without a name" if name is None else repr(name)
        if self.hide_values and not _PLAIN.fullmatch(str(name)):
            called = "(name not shown)"
        return f", {self.entries[str(path[0])]} {called}", path[2:]

    def write(self, path: Path) -> str:
        """The path as text, such as `when.line`."""
        return ".".join(
            "(not shown)"
            if self.hide_values and isinstance(step, str) and not _PLAIN.fullmatch(step)
            else str(step)
            for step in path
        )


def _describe_findings(
    invalid: ValidationError, model: type[BaseModel], source: _Source
) -> list[str]:
    findings = invalid.errors(include_url=False)
    wrong_inside = {f["loc"][:depth] for f in findings for depth in range(len(f["loc"]))}
    return [
        _describe(finding, find_place(model, finding["loc"]), source)
        for finding in findings
        # A list whose only member is invalid is reported as too short as well.
        if finding["type"] != "too_short" or finding["loc"] not in wrong_inside
    ]


_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument", "invalid_key")
_NO_BLOCK = ("model_type", "dict_type", "dataclass_type")
_WRONG_TEXT = ("string_type", "string_pattern_mismatch")
_CURES = {
    "too_short": "`{key}` lists too few; name at least {min_length:,}",
    "too_long": "`{key}` lists too many; name at most {max_length:,}",
    "missing": "`{key}` is missing; add {wanted}",
    "union_tag_not_found": "`{key}` is missing; add {wanted}",
    "string_type": "`{key}` is not text; put it in quotes",
    **dict.fromkeys(_NO_BLOCK, "`{key}` is no block of keys; write it as `{example}`"),
}


def _describe(finding: ErrorDetails, place: Place, source: _Source) -> str:
    """One of pydantic's findings with place, cause and cure."""
    kind, context, given = finding["type"], finding.get("ctx", {}), finding["input"]
    path, wanted = place.path, place.description or "it"
    message = re.sub(r"^\w+ should ", "must ", finding["msg"].removeprefix("Value error, "))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path, wanted = (*path, context["discriminator"].strip("'")), _list(place.tags)
        message, given = f"must be {wanted}", context.get("tag")
    # An invalid key is not the name of an entry.
    entry, within = ("", path) if finding["loc"][-1:] == ("[key]",) else source.split(path)
    key = source.write(within)
    if kind in _UNKNOWN:
        problem = f"unknown key `{key}`{suggest(str(path[-1]), place.keys)}"
    elif not path and kind in _NO_BLOCK:
        problem = f"no block of keys; begin with `{place.keys[0]}:`"
    elif not key:
        problem = message
    elif kind in _WRONG_TEXT and place.description:
        problem = f"`{key}` must be {place.description}"
    elif kind in _CURES:
        problem = _CURES[kind].format(key=key, wanted=wanted, example=place.example, **context)
    else:
        here = "" if source.hide_values else _quote(given)
        problem = f"`{key}`: {message.replace('a valid tuple', 'a list')}{here}"
    problem += advise(given)
    return f"{source.name}, line {source.document.line_of(path)}{entry}: {problem}"


def _list(words: Sequence[str]) -> str:
    """`'a', 'b' or 'c'`."""
    *most, last = map(repr, words)
    return f"{', '.join(most)} or {last}" if most else last


def _quote(given: object) -> str:
    if not isinstance(given, str | int | float | None):
        return ""
    text = repr(given)
    return f" (here: {text if len(text) <= 40 else text[:39] + '…'})"
