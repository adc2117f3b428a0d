"""Places in a configuration file, found from the locations in pydantic's errors.

A location contains tags of unions, which no file contains, and does not say what the model would
have accepted there. Both follow from walking the model's annotations along it. Part of
`yaml_config`.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo


class Inline:
    """Marks a field (in `Annotated`) whose keys are written in the block around it, without the
    field's own key.
    """


@dataclass(frozen=True)
class Place:
    """A place in a configuration file, whether or not something is written there."""

    path: tuple[str | int, ...]
    """As written in the file."""
    keys: Sequence[str]
    """Allowed keys of the block around it; at the top, of the file."""
    description: str
    """The field's description of what belongs there, or ''."""
    example: str
    """An example of a block there."""
    tags: Sequence[str]
    """Allowed values of the key that distinguishes the members of a union."""


@dataclass(frozen=True)
class _Shape:
    """One type that is allowed at a place."""

    type: Any
    tag: str | None
    notes: tuple[Any, ...]


def find_place(model: type[BaseModel], location: tuple[str | int, ...]) -> Place:
    """The place of a validation error of the model."""
    shapes = around = _shapes(model)
    path: list[str | int] = []
    outer: list[str] = []
    keys = list(_fields(model))
    for step in location:
        if step == "[key]":
            # In a block with free keys, the key itself is invalid.
            shapes = [key for shape in around for key in _shapes(get_args(shape.type)[0])]
            continue
        if tagged := _tagged(shapes, step):
            shapes = tagged
            continue
        around = shapes
        fields = {key: held for shape in shapes for key, held in _fields(shape.type).items()}
        keys = list(dict.fromkeys([*outer, *fields]))
        outer = []
        if step in fields:
            shapes = _shapes(fields[str(step)])
            if any(isinstance(note, Inline) for shape in shapes for note in shape.notes):
                outer = [key for key in keys if key != step]
            else:
                path.append(step)
        elif fields:
            path.append(step)
            shapes = []
        elif held := [item for shape in shapes for item in _items(shape.type, step)]:
            path.append(step)
            shapes = held
    notes = [note for shape in shapes for note in shape.notes if isinstance(note, FieldInfo)]
    description = next((note.description for note in notes if note.description), "")
    examples = [example for note in notes for example in note.examples or ()]
    first_key = next((key for shape in shapes for key in _fields(shape.type)), "key")
    return Place(
        path=tuple(path),
        keys=keys,
        description=description,
        example=str(examples[0]) if examples else f"{{{first_key}: …}}",
        tags=[tag for shape in shapes for tag in _literals(shape.type)],
    )


def _shapes(annotation: Any, *notes: Any) -> list[_Shape]:
    """The types that an annotation allows, without None, which stands for a missing key."""
    if isinstance(annotation, FieldInfo):
        return _shapes(annotation.annotation, *notes, annotation, *annotation.metadata)
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _shapes(inner, *notes, *more)
    if origin in (Union, types.UnionType):
        return [s for member in get_args(annotation) for s in _shapes(member, *notes)]
    if annotation is types.NoneType:
        return []
    tag = next((note.tag for note in reversed(notes) if isinstance(note, Tag)), None)
    return [_Shape(annotation, tag, notes)]


def _fields(held: Any) -> dict[str, Any]:
    """The keys of a model or dataclass, with their annotations."""
    if isinstance(held, type) and issubclass(held, BaseModel):
        return {field.alias or name: field for name, field in held.model_fields.items()}
    if isinstance(held, type) and is_dataclass(held):
        return get_type_hints(held, include_extras=True)
    return {}


def _items(held: Any, step: str | int) -> list[_Shape]:
    """Allowed types of an entry of a list or of a block with free keys."""
    arguments = get_args(held)
    if get_origin(held) is dict:
        return _shapes(arguments[1])
    if get_origin(held) in (tuple, list) and isinstance(step, int):
        return _shapes(arguments[0])
    return []


def _tagged(shapes: Sequence[_Shape], step: str | int) -> list[_Shape]:
    """The member of a union that a step of the location names."""
    models = [shape for shape in shapes if _fields(shape.type)]
    return [shape for shape in shapes if shape.tag == step] or [
        shape for shape in models if len(models) > 1 and step in _literals(shape.type)
    ]


def _literals(model: Any) -> list[str]:
    """The values of a model's keys that allow one text only: its tag is among them."""
    annotations = [getattr(held, "annotation", held) for held in _fields(model).values()]
    literals = [get_args(a) for a in annotations if get_origin(a) is Literal]
    return [cast(str, words[0]) for words in literals if len(words) == 1]
