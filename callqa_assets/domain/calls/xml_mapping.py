"""Where the facts of a call are in the XML that a platform writes beside its recordings."""

from __future__ import annotations

from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, field_validator

from callqa_assets.domain.calls.facts import FIELDS


class XmlMapping(BaseModel):
    """Paths of the facts, as `Agent/Id` for the text of an element, `Agent/@id` for an attribute.

    Paths are those of `xml.etree.ElementTree`, without namespaces.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: str = "."
    """Path from the root to the element of one call."""
    fields: dict[str, str]
    """{our name: path inside the record}."""

    @field_validator("record")
    @classmethod
    def _path(cls, value: str) -> str:
        try:
            ElementTree.Element("root").findall(value)
        except (SyntaxError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no path of elements: {error}; write it like 'Agent/Id'") from error
        return value

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value) - set(FIELDS):
            raise ValueError(
                f"no such field: {', '.join(sorted(unknown))}; use {', '.join(FIELDS)}"
            )
        for path in value.values():
            cls._path(path.partition("@")[0].rstrip("/") or ".")
        return value
