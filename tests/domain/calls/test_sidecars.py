"""XML sidecars by a mapping; files and numbers as other programs write them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from callqa_assets.domain.calls.sidecars import parse_sidecar
from callqa_assets.domain.calls.xml_mapping import XmlMapping

MAPPING = XmlMapping(
    record="Call", fields={"agent_id": "Agent/@id", "queue": "Queue/Name", "started_at": "Start"}
)
XML = """<?xml version="1.0" encoding="{encoding}"?>
<r:Recording xmlns:r="urn:x"><r:Call><r:Agent id="1001"/>
<r:Queue><r:Name>退费专席</r:Name></r:Queue>
<r:Start>2025-03-14T09:30:12</r:Start></r:Call></r:Recording>"""


@pytest.mark.parametrize("encoding", ["UTF-8", "GB2312", "UTF-16"])
def test_the_mapped_facts_of_xml_are_read_in_its_encoding(encoding: str) -> None:
    found = parse_sidecar(XML.format(encoding=encoding).encode(encoding), MAPPING)
    assert found.fields == {
        "agent_id": "1001",
        "queue": "退费专席",
        "started_at": "2025-03-14T09:30:12",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<a><b></a>", "is not XML (line 1)"),
        ("<a/>", "has 0 elements `Call` instead of one"),
        ("<a><Call/><Call/></a>", "has 2 elements `Call` instead of one"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "is XML with a document type"),
    ],
)
def test_xml_that_cannot_be_used_says_why(content: str, reason: str) -> None:
    (note,) = parse_sidecar(content.encode(), MAPPING).notes
    assert reason in note


def test_xml_without_a_mapping_names_the_key_of_the_configuration() -> None:
    (note,) = parse_sidecar(b"<a/>").notes
    assert "no source that fits has `xml:` in call_metadata.yaml" in note


@pytest.mark.parametrize("wrong", [{"agent": "A"}, {"agent_id": "A[["}])
def test_a_wrong_mapping_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"no such field|no path"):
        XmlMapping(fields=wrong)


def test_a_list_with_one_object_is_that_object_and_longer_ones_are_told() -> None:
    assert parse_sidecar(b'[{"agent_id": "7"}]').fields == {"agent_id": "7"}
    assert parse_sidecar(b'[{"a": 1}, {"b": 2}]').notes == (
        "the sidecar is a list, not one JSON object {…}: not used",
    )


def test_a_long_number_keeps_its_digits() -> None:
    assert parse_sidecar(b'{"customer_id": 13800138000.0}').fields == {"customer_id": 13800138000}
    assert parse_sidecar(b'{"customer_id": 1.38E+10}').fields == {"customer_id": "1.38E+10"}
