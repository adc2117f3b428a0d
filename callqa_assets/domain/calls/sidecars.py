"""Sidecars: the facts of one recording, as JSON or, by a mapping of the configuration, XML."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast
from xml.etree import ElementTree

from callqa_assets.domain.calls.foreign_text import LIMITS, MetadataLimits, clean_json
from callqa_assets.domain.calls.text_encoding import UnknownEncodingError, decode_text
from callqa_assets.domain.calls.xml_mapping import XmlMapping


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar says."""

    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON-serialisable; clean text."""
    notes: tuple[str, ...] = ()
    """What was wrong or assumed; no values."""


class _Unusable(Exception):  # noqa: N818 - the sidecar is at fault
    """Why, as the end of 'the sidecar …: not used'."""


def parse_sidecar(
    raw: bytes, xml: XmlMapping | None = None, limits: MetadataLimits = LIMITS
) -> Sidecar:
    """The facts in a sidecar, XML if it begins with `<`; none, and a note, where it is unusable.

    Args:
        xml: Where the facts are in XML.
    """
    if len(raw) > limits.max_sidecar_bytes:
        return oversized_sidecar(limits)
    try:
        text, assumed = decode_text(raw, _declared_encoding(raw))
        notes = [f"the sidecar is not UTF-8: read as {assumed}"] if assumed else []
        is_xml = text.lstrip().startswith("<")
        content = _read_xml(text, xml) if is_xml else _read_json(text)
    except UnknownEncodingError:
        return Sidecar(notes=("the sidecar is in no known encoding: not used; save it as UTF-8",))
    except _Unusable as reason:
        return Sidecar(notes=(f"the sidecar {reason}: not used",))
    fields: dict[str, Any] = {}
    for key, value in content.items():
        try:
            fields.update(
                cast(dict[str, Any], clean_json({key: value}, limits, limits.max_nesting))
            )
        except ValueError:
            notes.append(
                f"a key of the sidecar is nested deeper than {limits.max_nesting}: dropped"
            )
    return Sidecar(fields, tuple(dict.fromkeys(notes)))


def oversized_sidecar(limits: MetadataLimits = LIMITS) -> Sidecar:
    """What a sidecar says that is too large to be read."""
    note = f"the sidecar has more than {limits.max_sidecar_bytes:,} bytes: not used"
    return Sidecar(notes=(note,))


def _declared_encoding(raw: bytes) -> str | None:
    found = re.match(rb"""\s*<\?xml[^>]{0,100}?encoding=["']([\w.:-]{1,40})["']""", raw[:200])
    return found[1].decode() if found else None


def _read_json(text: str) -> Mapping[str, Any]:
    try:
        content: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _Unusable(f"is not JSON (line {error.lineno})") from None
    except ValueError:
        raise _Unusable("holds a number that JSON has not") from None
    except RecursionError:
        raise _Unusable("is nested too deep") from None
    if isinstance(content, list) and len(cast(list[object], content)) == 1:
        content = cast(list[object], content)[0]
    if isinstance(content, list):
        raise _Unusable("is a list, not one JSON object {…}")
    if not isinstance(content, dict):
        raise _Unusable("is no JSON object {…}")
    return cast(dict[str, Any], content)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float | int | str:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("infinite")
    if number.is_integer() and abs(number) >= 1e6:
        # An id, of a program that knows only floats; one that was rounded stays recognisable.
        return digits if "e" in digits.lower() else int(number)
    return number


def _read_xml(text: str, xml: XmlMapping | None) -> Mapping[str, Any]:
    if xml is None:
        raise _Unusable("is XML, and no source that fits has `xml:` in call_metadata.yaml")
    try:
        records = read_records(text, xml)
    except ValueError as error:
        raise _Unusable(str(error)) from None
    if len(records) != 1:
        raise _Unusable(f"has {len(records)} elements `{xml.record}` instead of one")
    return records[0]


def read_records(text: str, xml: XmlMapping) -> list[Mapping[str, str]]:
    """The mapped fields of each record of an XML document.

    No document type is accepted, hence no entity that expands or reads files.

    Raises ValueError, whose message completes 'the sidecar …'.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("is XML with a document type, which is not read")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - no document type, bounded size
    except ElementTree.ParseError as error:
        raise ValueError(f"is not XML (line {error.position[0]})") from None
    for element in root.iter():
        # Paths are written without namespaces.
        element.tag = str(element.tag).rpartition("}")[2]
        element.attrib = {key.rpartition("}")[2]: text for key, text in element.attrib.items()}
    records = [root] if xml.record == "." else root.findall(xml.record)
    return [_mapped(record, xml.fields) for record in records]


def _mapped(record: ElementTree.Element, fields: Mapping[str, str]) -> Mapping[str, str]:
    found = {name: _text_at(record, path) for name, path in fields.items()}
    return {name: text for name, text in found.items() if text is not None}


def _text_at(record: ElementTree.Element, path: str) -> str | None:
    path, _, attribute = path.partition("@")
    element = record.find(path.rstrip("/") or ".")
    if element is None:
        return None
    return element.get(attribute) if attribute else "".join(element.itertext()).strip()
