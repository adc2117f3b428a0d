"""A manifest gives its rows to recordings of its folder, however it was saved."""

from __future__ import annotations

import pytest

from callqa_assets.domain.calls.foreign_text import LIMITS, MetadataLimits
from callqa_assets.domain.calls.manifests import Manifest, parse_manifest

PHONE = "13800138000"


def facts_by_path(manifest: Manifest) -> dict[str, dict[str, str]]:
    return {row.path: manifest.facts(row) for row in manifest.rows}


def line_of(manifest: Manifest, name: str) -> int | None:
    row = manifest.find(name)
    return None if row is None else row.line


def test_manifest_rows_are_found_by_the_path_inside_the_drop_folder() -> None:
    found = parse_manifest(
        "\ufefffile,agent_id,备注\na.wav,1001,好\nsub/b.wav,1002,\n.\\sub\\c.wav,1003,x\n".encode(),
        "north/manifest.csv",
    )
    assert found.notes == ()
    assert facts_by_path(found) == {
        "north/a.wav": {"agent_id": "1001", "备注": "好"},
        "north/sub/b.wav": {"agent_id": "1002", "备注": ""},
        "north/sub/c.wav": {"agent_id": "1003", "备注": "x"},
    }


def test_a_manifest_at_the_top_names_files_at_the_top() -> None:
    assert facts_by_path(parse_manifest(b"file,line\na.wav,1\n", "manifest.csv")) == {
        "a.wav": {"line": "1"}
    }


@pytest.mark.parametrize(
    "file",
    [
        "../a.wav",
        "../../etc/passwd",
        "sub/../../a.wav",
        "/etc/../a.wav",
        "\\\\server\\..\\a.wav",
        "..\\a.wav",
        "C:\\..\\a.wav",
        "https://pbx.example/../a.wav",
        "",
        ".",
    ],
)
def test_a_manifest_row_cannot_leave_its_folder(file: str) -> None:
    found = parse_manifest(f"file,line\n{file},1\ngood.wav,2\n".encode(), "n/manifest.csv")
    assert facts_by_path(found) == {"n/good.wav": {"line": "2"}}
    assert found.notes == ("n/manifest.csv line 2: file points out of its folder: row not used",)


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (b"", "m.csv: no column 'file' in its first line: not used"),
        (b"name,line\na.wav,1\n", "m.csv: no column 'file' in its first line: not used"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(raw: bytes, note: str) -> None:
    found = parse_manifest(raw, "m.csv")
    assert list(found.rows) == []
    assert found.notes == (note,)


def test_bad_rows_are_noted_with_their_line_and_the_others_are_used() -> None:
    raw = b"file,line\na.wav,1,surplus\n\nb.wav\nc.wav,3\n" + b"d.wav," + b"x" * 200_000
    raw += b"\nc.wav,4\n"
    found = parse_manifest(raw, "m.csv")
    assert facts_by_path(found) == {"c.wav": {"line": "4"}}
    assert found.notes == (
        "m.csv line 2: 3 fields under 2 columns: row not used",
        "m.csv line 4: 1 fields under 2 columns: row not used",
        "m.csv line 6: not CSV: row not used",
        "m.csv line 7: a second row for one file: this one counts",
    )


def test_a_thousand_bad_rows_are_not_a_thousand_notes() -> None:
    found = parse_manifest(b"file,line\n" + b"../x.wav,1\n" * 1000, "m.csv")
    assert len(found.notes) == 21
    assert found.notes[-1] == "and 980 more"


def test_manifest_notes_name_no_recording() -> None:
    raw = f"file,line\n../{PHONE}.wav,1\n{PHONE}.wav,1\n{PHONE}.wav,2\n".encode()
    assert PHONE not in " ".join(parse_manifest(raw, "manifest.csv").notes)


def test_twenty_notes_are_all_told() -> None:
    found = parse_manifest(b"file,line\n" + b"../x.wav,1\n" * 20, "m.csv")
    assert len(found.notes) == 20
    assert found.notes[-1].startswith("m.csv line 21: ")


def test_a_manifest_may_be_as_large_as_the_limit() -> None:
    raw = b"file,line\na.wav,1\n"
    assert parse_manifest(raw, "m.csv", MetadataLimits(max_manifest_rows=1)).rows
    refused = parse_manifest(raw + b"b.wav,2\n", "m.csv", MetadataLimits(max_manifest_rows=1))
    assert not refused.rows
    assert refused.notes == ("m.csv: more than 1 rows: not used; split it",)
    assert LIMITS.max_manifest_bytes == 64_000_000


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_manifest_of_excel_is_read_in_its_encoding_and_with_its_delimiter(
    delimiter: str, encoding: str
) -> None:
    rows = [
        ["file", "客服", "agent_id"],
        ["通话一.wav", "王小明，信用卡", '="0138"'],
        ["b.wav", "投诉专席", "'007"],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows) + "\r\n"
    found = parse_manifest(text.encode(encoding), "m.csv")
    assert facts_by_path(found) == {
        "通话一.wav": {"客服": "王小明，信用卡", "agent_id": "0138"},
        "b.wav": {"客服": "投诉专席", "agent_id": "007"},
    }
    told = ("m.csv: not UTF-8: read as GB18030",) if encoding == "gb18030" else ()
    assert found.notes == told


def test_excels_own_line_about_the_delimiter_is_no_header() -> None:
    found = parse_manifest(b"sep=;\nfile;line\na.wav;1\n", "m.csv")
    assert facts_by_path(found) == {"a.wav": {"line": "1"}}
    assert found.rows[0].line == 3


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("call", "call.wav"),
        ("CALL.WAV", "call.wav"),
        ("call.mp3", "call.wav"),
        ("1741915812.42", "1741915812.42.wav"),
        ("call.wav", "call (1).wav"),
        ("call.wav", "call - 副本.wav"),
        ("D:\\rec\\2025\\call.wav", "2025/call.wav"),
        ("https://pbx.example/rec/2025/call%201.wav?token=x", "2025/call 1.wav"),
        ("/var/spool/asterisk/call.wav", "call.wav"),
        ("\\\\server\\share\\call.wav", "call.wav"),
    ],
)
def test_a_row_is_found_where_only_the_way_of_naming_differs(stated: str, name: str) -> None:
    found = parse_manifest(f"file,line\n{stated},1\n".encode(), "manifest.csv")
    assert line_of(found, name) == 2
    assert line_of(found, "other.wav") is None


def test_a_name_that_fits_two_rows_loosely_has_neither() -> None:
    found = parse_manifest(b"file,line\ncall.mp3,1\nCALL.ogg,2\n", "manifest.csv")
    assert line_of(found, "call.wav") is None
    assert line_of(found, "call.mp3") == 2


def test_a_path_of_another_machine_stays_inside_the_manifests_folder() -> None:
    found = parse_manifest(b"file,line\n/data/victim.wav,1\n", "sub/manifest.csv")
    assert line_of(found, "victim.wav") is None
    assert line_of(found, "sub/victim.wav") == 2
