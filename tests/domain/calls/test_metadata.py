"""Facts come from the best place that has them, and no foreign input loses a recording."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.calls.files import is_manifest, sidecar_names
from callqa_assets.domain.calls.metadata import (
    LIMITS,
    TIME_SOURCES,
    CallMetadata,
    MetadataLimits,
    describe_call,
    keep_better_time,
    mask_numbers,
    parse_manifest,
    parse_time,
    time_source_rank,
)
from callqa_assets.domain.calls.sources import InvalidMetadataConfig, MetadataConfig, load_config
from callqa_assets.domain.days import Calendar
from resources.storage.config_files import read_metadata_config

REPO = Path(__file__).resolve().parents[3]
SHIPPED = read_metadata_config(REPO / "configs" / "call_metadata.yaml")
SHANGHAI = ZoneInfo("Asia/Shanghai")
EARLIEST = datetime(2020, 1, 1, tzinfo=SHANGHAI)
RECEIVED = datetime(2025, 3, 18, 2, 0, tzinfo=UTC)
MTIME = datetime(2025, 3, 17, 12, 0, tzinfo=UTC)
PHONE = "13800138000"


def describe(name: str = "call.wav", **given: Any) -> CallMetadata:
    sidecar = given.pop("sidecar", None)
    if isinstance(sidecar, dict):
        sidecar = json.dumps(sidecar).encode()
    return describe_call(
        name,
        sidecar=sidecar,
        manifest_row=given.pop("row", None),
        mtime_s=given.pop("mtime_s", MTIME.timestamp()),
        received_at=RECEIVED,
        config=given.pop("config", SHIPPED),
        earliest=EARLIEST,
        latest=RECEIVED + timedelta(days=1),
    )


def at(*numbers: int) -> datetime:
    """A Shanghai wall-clock time, in UTC."""
    year, month, day, hour, minute, second = numbers
    return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).astimezone(UTC)


# Merging


def test_each_field_comes_from_the_best_place_that_has_it() -> None:
    found = describe(
        f"20250314-093012_1001_{PHONE}.wav",
        sidecar={"agent_id": "sidecar-agent", "queue": "vip"},
        row={"agent_id": "manifest-agent", "line": "400", "started_at": "2025-03-15 10:00:00"},
    )
    assert found.facts.agent_id == "sidecar-agent"
    assert found.facts.line == "400"
    assert found.facts.customer_id == PHONE
    assert found.facts.queue == "vip"
    assert (found.started_at, found.time_source) == (at(2025, 3, 15, 10, 0, 0), "manifest")
    assert found.notes == ()


def test_time_sources_are_tried_from_the_best_to_the_worst() -> None:
    name = "20250314-000003_1001_x.wav"
    row = {"started_at": "2025-03-14 00:00:02"}
    sidecar = {"started_at": "2025-03-14 00:00:01"}
    assert describe(name, sidecar=sidecar, row=row).time_source == "sidecar"
    assert describe(name, row=row).time_source == "manifest"
    assert describe(name).time_source == "file_name"
    assert describe("x.wav").time_source == "mtime"
    assert describe("x.wav").started_at == MTIME
    assert describe("x.wav", mtime_s=0.0).time_source == "intake"
    assert describe("x.wav", mtime_s=0.0).started_at == RECEIVED
    ranks = [time_source_rank(s) for s in ("sidecar", "manifest", "file_name", "mtime", "intake")]
    assert ranks == sorted(ranks) == [0, 1, 2, 3, 4]


def test_an_unusable_start_time_falls_to_the_next_source_with_a_note() -> None:
    name = "20250314-093012_1001_x.wav"
    for nonsense in ("soon", 0, "1970-01-01", "2019-12-31 23:59:59", "2025-03-20", 1e300, True, []):
        found = describe(name, sidecar={"started_at": nonsense})
        assert (found.started_at, found.time_source) == (at(2025, 3, 14, 9, 30, 12), "file_name")
        assert len(found.notes) == 1
        assert found.notes[0].startswith("started_at of the sidecar")
    assert describe(name, sidecar={"started_at": ""}).notes == ()


def test_the_first_and_last_moment_of_the_range_are_inside_it() -> None:
    for moment in (EARLIEST, RECEIVED + timedelta(days=1)):
        found = describe(sidecar={"started_at": moment.isoformat()})
        assert (found.started_at, found.time_source) == (moment.astimezone(UTC), "sidecar")


@pytest.mark.parametrize(
    "value",
    [
        "2025-03-14T09:30:12+08:00",
        "2025-03-14T01:30:12Z",
        "2025-03-14T09:30:12",
        "2025-03-14 09:30:12",
        "2025-03-14T09-30-12",
        "20250314093012",
        "20250314-093012",
        20250314093012,
        1741915812,
        1741915812.0,
        1741915812000,
        "1741915812",
        "1741915812000",
        " 1741915812 ",
    ],
)
def test_start_times_are_read_in_every_usual_form(value: object) -> None:
    assert parse_time(value, SHANGHAI) == at(2025, 3, 14, 9, 30, 12)


@pytest.mark.parametrize(
    "value", ["", "now", "2025-13-01", "20251301000000", -1, None, True, "9" * 400, float("nan")]
)
def test_what_is_no_time_is_a_value_error_that_does_not_quote_it(value: object) -> None:
    with pytest.raises(ValueError, match=r"^is (not a time|neither text nor a number)$"):
        parse_time(value, SHANGHAI)


def test_the_day_is_the_local_one() -> None:
    late_evening_utc = datetime(2025, 3, 14, 16, 0, tzinfo=UTC)
    assert Calendar("Asia/Shanghai").day_of(late_evening_utc) == "2025-03-15"
    assert Calendar("UTC").day_of(late_evening_utc) == "2025-03-14"


def test_unknown_keys_are_kept_and_the_sidecars_win() -> None:
    found = describe(
        sidecar={"order": {"id": 7, "tags": ["a\0b"]}, "score": 0.5},
        row={"order": "x", "campaign": "spring"},
    )
    assert found.extra == {"order": {"id": 7, "tags": ["ab"]}, "score": 0.5, "campaign": "spring"}


def test_metadata_survives_json() -> None:
    found = describe(
        sidecar={"channel_roles": ["customer", "agent"], "x": [1, None]}, row={"line": "400"}
    )
    assert CallMetadata.from_json(json.loads(json.dumps(found.to_json()))) == found


# File names


def test_the_guid_file_name_is_understood() -> None:
    found = describe("Auto0_GUID_000_AGENT_ChrisL_DT_2025-02-19T06-01-22_Mono.flac")
    assert (found.facts.call_id, found.facts.agent_id) == ("000", "ChrisL")
    assert (found.started_at, found.time_source) == (at(2025, 2, 19, 6, 1, 22), "file_name")


def test_the_plain_file_name_is_understood_in_any_folder() -> None:
    found = describe(f"north/20250314-093012_1001_{PHONE}_queue7.wav")
    assert (found.facts.agent_id, found.facts.customer_id) == ("1001", PHONE)
    assert found.started_at == at(2025, 3, 14, 9, 30, 12)


def test_a_folder_named_like_a_call_describes_nothing() -> None:
    assert describe("20250314-093012_1001_x/call.wav").facts.agent_id is None


def test_a_file_name_that_is_not_utf8_gives_text_that_a_database_takes() -> None:
    name = os.fsdecode(b"20250314-093012_\xff1001_\xfe55.wav")
    found = describe(name)
    assert (found.facts.agent_id, found.facts.customer_id) == ("1001", "55")
    found.model_dump_json().encode()


def test_the_first_source_that_fits_describes_the_file() -> None:
    config = MetadataConfig.model_validate(
        {
            "sources": [
                {"name": "north", "match": "north/*", "defaults": {"queue": "north"}},
                {"name": "wav", "match": "*.wav", "defaults": {"queue": "wav"}},
            ]
        }
    )
    assert describe("north/x.wav", config=config).facts.queue == "north"
    assert describe("south/x.wav", config=config).facts.queue == "wav"
    assert describe("south/x.mp3", config=config).facts.queue is None


# Settings


def config_of(**source: Any) -> MetadataConfig:
    return MetadataConfig.model_validate(
        {"queues": {"vip": {"language": "zh"}}, "sources": [{"name": "s", **source}]}
    )


def test_the_field_map_renames_keys_of_sidecars_and_manifests() -> None:
    config = config_of(field_map={"agentNo": "agent_id", "begin": "started_at"})
    found = describe(sidecar={"agentNo": 17, "begin": 1741915812}, config=config)
    assert (found.facts.agent_id, found.time_source, found.extra) == ("17", "sidecar", {})
    assert describe(row={"agentNo": "18"}, config=config).facts.agent_id == "18"
    both = describe(sidecar={"agentNo": "a", "agent_id": "b"}, config=config)
    assert both.facts.agent_id == "b"


def test_defaults_fill_only_what_no_other_source_has() -> None:
    config = config_of(defaults={"queue": "general", "line": "400", "business_line": "cards"})
    facts = describe(sidecar={"queue": "vip"}, config=config).facts
    assert (facts.queue, facts.line, facts.business_line) == ("vip", "400", "cards")


def test_the_queue_says_the_language_unless_the_call_does() -> None:
    config = config_of(defaults={"language": "en"})

    def language(**sidecar: str) -> str | None:
        return describe(sidecar=sidecar, config=config).facts.language

    assert language(queue="vip") == "zh"
    assert language(queue="vip", language="yue") == "yue"
    assert language(queue="other") == "en"
    assert describe(sidecar={"language": "zh-CN"}).facts.language == "zh"


def test_a_language_that_is_no_code_is_not_used() -> None:
    found = describe(sidecar={"language": "Chinese please", "queue": "vip"})
    assert found.facts.language == "zh"
    assert found.notes == ("language of the sidecar is no ISO 639 code like zh: not used",)


def test_roles_come_from_the_call_then_its_source_then_the_channel_count() -> None:
    stated = describe(sidecar={"channel_roles": ["customer", "agent"]})
    assert stated.channel_roles(2) == ("customer", "agent")
    assert stated.channel_roles(1) == ("mixed",)
    assert describe(row={"channel_roles": "Customer, agent"}).channel_roles(2) == (
        "customer",
        "agent",
    )
    plain = describe()
    assert plain.channel_roles(2) == ("agent", "customer")
    assert plain.channel_roles(1) == ("mixed",)
    assert plain.channel_roles(3) == ("channel_0", "channel_1", "channel_2")
    three = describe(config=config_of(channel_roles=["agent", "customer", "supervisor"]))
    assert three.channel_roles(3) == ("agent", "customer", "supervisor")
    assert three.channel_roles(2) == ("channel_0", "channel_1")


@pytest.mark.parametrize("roles", [7, ["agent", 7], ["agent", "a b"], {"0": "agent"}, "1st"])
def test_roles_that_are_no_list_of_words_are_not_used(roles: object) -> None:
    found = describe(sidecar={"channel_roles": roles})
    assert found.channel_roles(2) == ("agent", "customer")
    assert found.notes == (
        "channel_roles of the sidecar is no list like agent, customer: not used",
    )


# Bad sidecars


@pytest.mark.parametrize(
    ("sidecar", "note"),
    [
        (b"", "the sidecar is not JSON (line 1): not used"),
        (b'{"agent_id":\n 1,,}', "the sidecar is not JSON (line 2): not used"),
        (b"[1]", "the sidecar is no JSON object {…}: not used"),
        (b"null", "the sidecar is no JSON object {…}: not used"),
        (b'{"agent_id": "\xff"}', "the sidecar is not UTF-8: not used"),
        (b'{"x": NaN}', "the sidecar holds a number that JSON has not: not used"),
        (b'{"x": 1e999}', "the sidecar holds a number that JSON has not: not used"),
        (b'{"x": ' + b"9" * 5000 + b"}", "the sidecar holds a number that JSON has not: not used"),
        (b'{"x": ' + b"[" * 400_000, "the sidecar is nested too deep: not used"),
        (b'{"x": "' + b"y" * 1_000_000, "the sidecar has more than 1000000 bytes: not used"),
    ],
)
def test_a_bad_sidecar_is_noted_and_the_next_source_is_used(sidecar: bytes, note: str) -> None:
    found = describe("20250314-093012_1001_x.wav", sidecar=sidecar, row={"line": "400"})
    assert found.notes == (note,)
    assert (found.facts.agent_id, found.facts.line) == ("1001", "400")
    assert found.time_source == "file_name"


def test_a_byte_order_mark_is_accepted() -> None:
    assert describe(sidecar=b'\xef\xbb\xbf{"agent_id": "7"}').facts.agent_id == "7"


@pytest.mark.parametrize("wrong", [[], {}, ["a"], True])
def test_a_field_of_the_wrong_type_falls_to_the_next_source(wrong: object) -> None:
    found = describe(sidecar={"agent_id": wrong, "call_id": "c1"}, row={"agent_id": "manifest"})
    assert (found.facts.agent_id, found.facts.call_id) == ("manifest", "c1")
    assert found.notes == ("agent_id of the sidecar is not text: not used",)


def test_deep_extra_keys_are_dropped_and_the_rest_is_used() -> None:
    deep: object = "x"
    for _ in range(20):
        deep = {"d": deep}
    found = describe(sidecar={"agent_id": "7", "deep": deep})
    assert (found.facts.agent_id, found.extra) == ("7", {})
    assert found.notes == ("the sidecar is nested deeper than 8: extra keys dropped",)


@pytest.mark.parametrize(("levels", "kept"), [(8, True), (9, False)])
def test_eight_levels_of_extra_keys_are_kept(levels: int, kept: bool) -> None:
    """The sidecar itself is above the first."""
    for wrap in (lambda inner: {"d": inner}, lambda inner: [inner]):
        deep: object = "x"
        for _ in range(levels - 1):
            deep = wrap(deep)
        assert describe(sidecar={"deep": deep}).extra == ({"deep": deep} if kept else {})


def test_sidecars_and_manifests_may_be_as_large_as_the_limit() -> None:
    sidecar = b'{"agent_id": "7"}'
    assert describe(sidecar=sidecar.ljust(1_000_000)).facts.agent_id == "7"
    assert describe(sidecar=sidecar.ljust(1_000_001)).facts.agent_id is None
    manifest = b"file,line\na.wav,1\n"
    assert parse_manifest(manifest, "m.csv", MetadataLimits(max_manifest_bytes=18)).rows
    assert not parse_manifest(manifest, "m.csv", MetadataLimits(max_manifest_bytes=17)).rows
    assert LIMITS.max_manifest_bytes == 64_000_000


def test_twenty_notes_are_all_told() -> None:
    found = parse_manifest(b"file,line\n" + b"../x.wav,1\n" * 20, "m.csv")
    assert len(found.notes) == 20
    assert found.notes[-1].startswith("m.csv line 21: ")


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("a_13800138000_b.wav", "a_138…00_b.wav"),
        ("1234567.wav", "123…67.wav"),
        ("123456.wav", "123456.wav"),
    ],
)
def test_a_file_name_in_a_log_shows_no_phone_number(name: str, masked: str) -> None:
    assert mask_numbers(name) == masked


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("99999999999", 99_999_999_999), ("100000000000", 10**8), (123456789, 123_456_789)],
)
def test_unix_times_from_a_hundred_billion_on_are_milliseconds(value: object, seconds: int) -> None:
    assert parse_time(value, SHANGHAI).timestamp() == seconds


@pytest.mark.parametrize("value", ["12345678", "12345678901234", True, None, [1]])
def test_other_numbers_of_digits_are_no_unix_time(value: object) -> None:
    try:
        assert parse_time(value, SHANGHAI).year == 1234
    except ValueError as error:
        assert str(error) in ("is not a time", "is neither text nor a number")


def test_a_time_of_a_better_source_is_kept_and_of_an_equal_one_is_not() -> None:
    call = describe("20250314-093012_1001_x.wav")
    assert call.time_source == "file_name"
    earlier = at(2025, 3, 13, 0, 0, 0)
    assert keep_better_time(call, earlier, "mtime") == call
    for source in ("sidecar", "manifest", "file_name"):
        kept = keep_better_time(call, earlier, source)
        assert (kept.started_at, kept.time_source) == (earlier, source)
    assert [time_source_rank(source) for source in TIME_SOURCES] == [0, 1, 2, 3, 4]


def test_text_is_stripped_of_control_characters_and_capped() -> None:
    found = describe(sidecar={"queue": "v\x00i\x1b[31mp\u202e\ud800", "line": "9" * 500})
    assert found.facts.queue == "vi[31mp"
    assert found.facts.line == "9" * 200


def test_no_note_holds_a_value_or_a_file_name() -> None:
    found = describe(
        f"20259999-093012_1001_{PHONE}.wav",
        sidecar={
            "started_at": PHONE * 2,
            "customer_id": [PHONE],
            "language": PHONE,
            "channel_roles": PHONE,
        },
        row={"started_at": f"call {PHONE}"},
    )
    assert len(found.notes) >= 5
    assert PHONE not in " ".join(found.notes)


@settings(max_examples=200, deadline=None)
@given(
    sidecar=st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(["started_at", "agent_id", "language", "channel_roles", "queue", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=8,
            ),
        ).map(lambda content: json.dumps(content).encode()),
    ),
    row=st.dictionaries(st.sampled_from(["started_at", "agent_id", "x"]), st.text()),
    mtime_s=st.floats(),
)
def test_no_foreign_input_raises(sidecar: bytes, row: dict[str, str], mtime_s: float) -> None:
    found = describe(sidecar=sidecar, row=row, mtime_s=mtime_s)
    assert EARLIEST <= found.started_at <= RECEIVED + timedelta(days=1)
    found.model_dump_json().encode()


# Manifests


def test_manifest_rows_are_found_by_the_path_inside_the_drop_folder() -> None:
    found = parse_manifest(
        "\ufefffile,agent_id,备注\na.wav,1001,好\nsub/b.wav,1002,\n.\\sub\\c.wav,1003,x\n".encode(),
        "north/manifest.csv",
    )
    assert found.notes == ()
    assert found.rows == {
        "north/a.wav": {"agent_id": "1001", "备注": "好"},
        "north/sub/b.wav": {"agent_id": "1002", "备注": ""},
        "north/sub/c.wav": {"agent_id": "1003", "备注": "x"},
    }


def test_a_manifest_at_the_top_names_files_at_the_top() -> None:
    assert set(parse_manifest(b"file,line\na.wav,1\n", "manifest.csv").rows) == {"a.wav"}


@pytest.mark.parametrize(
    "file",
    [
        "../a.wav",
        "../../etc/passwd",
        "sub/../../a.wav",
        "/etc/passwd",
        "\\\\server\\a.wav",
        "..\\a.wav",
        "C:\\a.wav",
        "C:a.wav",
        "",
        ".",
        "a\0.wav",
    ],
)
def test_a_manifest_row_cannot_leave_its_folder(file: str) -> None:
    found = parse_manifest(f"file,line\n{file},1\ngood.wav,2\n".encode(), "n/manifest.csv")
    assert found.rows == {"n/good.wav": {"line": "2"}}
    assert found.notes == ("n/manifest.csv line 2: file points out of its folder: row not used",)


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (b"", "m.csv: no column 'file' in its first line: not used"),
        (b"name,line\na.wav,1\n", "m.csv: no column 'file' in its first line: not used"),
        ("file,备注\n".encode("gbk"), "m.csv: not UTF-8: not used; save it as CSV UTF-8"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(raw: bytes, note: str) -> None:
    found = parse_manifest(raw, "m.csv")
    assert found.rows == {}
    assert found.notes == (note,)


def test_bad_rows_are_noted_with_their_line_and_the_others_are_used() -> None:
    raw = b"file,line\na.wav,1,surplus\n\nb.wav\nc.wav,3\n" + b"d.wav," + b"x" * 200_000
    raw += b"\nc.wav,4\n"
    found = parse_manifest(raw, "m.csv")
    assert found.rows == {"c.wav": {"line": "4"}}
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


def test_sidecars_and_manifests_are_known_by_their_names() -> None:
    assert sidecar_names("n/call.wav") == ("n/call.wav.json", "n/call.json")
    assert is_manifest("n/manifest.csv")
    assert is_manifest("2025-03-14.Manifest.CSV")
    assert not is_manifest("mymanifest.csv")
    assert not is_manifest("manifest.csv/call.wav")


# The configuration file


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sources: [", "line 1: not readable as YAML: "),
        ("- 1", "line 1: no block of keys; begin with `timezone:`"),
        ("timezon: UTC", "line 1: unknown key `timezon`; did you mean `timezone`?"),
        ("timezone: Mars/Olympus", "`timezone`: no such time zone; use an IANA name"),
        ("timezone: ../../etc/passwd", "`timezone`: no such time zone; use an IANA name"),
        (
            "sources: [{name: a, pattern: '(x'}]",
            "line 1, source 'a': `pattern`: no valid regular expression: missing )",
        ),
        (
            "sources: [{name: ok}, {name: b, pattern: '(?P<agent>x)'}]",
            "source 'b': `pattern`: no such field: agent; use groups of started_at, call_id",
        ),
        (
            "sources: [{name: a, decode: {codec: opus, rate_hz: 8000}}]",
            "line 1, source 'a': `decode.codec`: no such codec; use one of alaw, ulaw",
        ),
        (
            "sources: [{name: a, decode: {codec: g722, rate_hz: 8000}}]",
            "line 1, source 'a': `decode`: rate_hz: g722 has 16000",
        ),
        (
            "sources: [{name: a, field_map: {x: agent}}]",
            "line 1, source 'a': `field_map`: no such field: agent; map to one of",
        ),
        (
            "sources: [{name: a, defaults: {que: x}}]",
            "source 'a': unknown key `defaults.que`; did you mean `queue`?",
        ),
        ("sources: [{name: a, channel_roles: [A B]}]", "source 'a': `channel_roles`: roles are"),
        (
            "sources: [{name: a}, {name: a}]",
            "line 1: `sources`: two sources are called a; give each",
        ),
        (
            "queues: {vip: {lang: zh}}",
            "line 1, queue 'vip': unknown key `lang`; did you mean `language`?",
        ),
        (
            "sources: [{name: a, defaults: {call_id: x, line: y}}]",
            "source 'a': `defaults`: call_id differs from call to call; remove the default",
        ),
    ],
)
def test_a_bad_configuration_names_file_line_key_and_cure(text: str, complaint: str) -> None:
    with pytest.raises(InvalidMetadataConfig) as error:
        load_config(text, source="call_metadata.yaml")
    assert str(error.value).startswith("call_metadata.yaml, line 1")
    assert complaint in str(error.value)


def test_an_empty_configuration_is_all_defaults() -> None:
    assert load_config("# nothing\n", source="call_metadata.yaml") == MetadataConfig()
