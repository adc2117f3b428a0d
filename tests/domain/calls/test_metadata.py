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

from callqa_assets.domain.calls.files import described_names, is_manifest, sidecar_names
from callqa_assets.domain.calls.metadata import (
    TIME_SOURCES,
    CallMetadata,
    describe_call,
    keep_better_time,
    time_source_rank,
)
from callqa_assets.domain.calls.sidecars import parse_sidecar
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
        sidecar=None if sidecar is None else parse_sidecar(sidecar),
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
        (
            b'{"agent_id": "\x81\xff\x8d"}',
            "the sidecar is in no known encoding: not used; save it as UTF-8",
        ),
        (b'{"x": NaN}', "the sidecar holds a number that JSON has not: not used"),
        (b'{"x": 1e999}', "the sidecar holds a number that JSON has not: not used"),
        (b'{"x": ' + b"9" * 5000 + b"}", "the sidecar holds a number that JSON has not: not used"),
        (b'{"x": ' + b"[" * 400_000, "the sidecar is nested too deep: not used"),
        (b'{"x": "' + b"y" * 1_000_000, "the sidecar has more than 1,000,000 bytes: not used"),
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
    assert found.notes == ("a key of the sidecar is nested deeper than 8: dropped",)


@pytest.mark.parametrize(("levels", "kept"), [(8, True), (9, False)])
def test_eight_levels_of_extra_keys_are_kept(levels: int, kept: bool) -> None:
    """The sidecar itself is above the first."""
    for wrap in (lambda inner: {"d": inner}, lambda inner: [inner]):
        deep: object = "x"
        for _ in range(levels - 1):
            deep = wrap(deep)
        assert describe(sidecar={"deep": deep}).extra == ({"deep": deep} if kept else {})


def test_sidecars_may_be_as_large_as_the_limit() -> None:
    sidecar = b'{"agent_id": "7"}'
    assert describe(sidecar=sidecar.ljust(1_000_000)).facts.agent_id == "7"
    assert describe(sidecar=sidecar.ljust(1_000_001)).facts.agent_id is None


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


# Names


def test_sidecars_and_manifests_are_known_by_their_names() -> None:
    assert sidecar_names("n/call.wav") == (
        "n/call.wav.json",
        "n/call.wav_metadata.json",
        "n/call.wav.xml",
        "n/call.json",
        "n/call_metadata.json",
        "n/call.xml",
    )
    assert sidecar_names("n/call (1).wav")[6:] == sidecar_names("n/call.wav")
    for name in sidecar_names("n/call.wav"):
        assert set(described_names(name)) & {"n/call.wav", "n/call"}
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
            "source 'b': `pattern`: no such field: agent; use groups of started_at, started_date",
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


# What people report


def test_a_number_that_a_spreadsheet_rounded_is_no_phone_number() -> None:
    found = describe(sidecar=b'{"customer_id": 1.38E+10, "agent_id": "7"}')
    assert (found.facts.customer_id, found.facts.agent_id) == (None, "7")
    assert "was rounded by a spreadsheet" in found.notes[0]


def test_roles_for_another_number_of_channels_are_told() -> None:
    found = describe(sidecar={"channel_roles": ["agent", "customer", "supervisor"]})
    assert found.channel_roles(2) == ("agent", "customer")
    assert found.notes_for(2) == ("channel_roles name 3 channels, the recording has 2: not used",)
    assert found.notes_for(3) == ()


def test_a_copy_has_the_facts_of_the_original_s_name_and_says_so() -> None:
    found = describe("20250314-093012_1001_x (1).wav")
    assert found.started_at == at(2025, 3, 14, 9, 30, 12)
    assert any("copy" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "started", "facts"),
    [
        # FreePBX and Issabel
        (
            "2025/03/14/out-13800138000-1001-20250314-093012-1741915812.42.wav",
            (2025, 3, 14, 9, 30, 12),
            {"agent_id": "1001", "customer_id": PHONE},
        ),
        # FusionPBX
        (
            "archive/2025/Mar/14/9f3c2d1e-0000-4000-8000-000000000000.wav",
            (2025, 3, 14, 0, 0, 0),
            {},
        ),
        # Basic Call Recorder on Android
        (
            "20250314_093012.345+0800_out_13800138000.oga",
            (2025, 3, 14, 9, 30, 12),
            {"customer_id": PHONE},
        ),
        # Xiaomi and Huawei phones
        ("张三(13800138000)_20250314093012.mp3", (2025, 3, 14, 9, 30, 12), {"customer_id": PHONE}),
        ("张三@13800138000_20250314093012.amr", (2025, 3, 14, 9, 30, 12), {"customer_id": PHONE}),
        # anything with a whole date
        ("2025-03-14_09-30-12.wav", (2025, 3, 14, 9, 30, 12), {}),
        ("call 2025.03.14 09.30.12.m4a", (2025, 3, 14, 9, 30, 12), {}),
        ("rec_20250314093012.wav", (2025, 3, 14, 9, 30, 12), {}),
        ("x_20250314093012345.wav", (2025, 3, 14, 9, 30, 12), {}),
        ("2025年3月14日 09时30分.wav", (2025, 3, 14, 9, 30, 0), {}),
        ("250314_093012.wav", None, {}),
        ("2025/03/14/a.wav", (2025, 3, 14, 0, 0, 0), {}),
        ("20250314/a.wav", (2025, 3, 14, 0, 0, 0), {}),
        ("2025/03/14/9f3c2d1e-0000-4000-8000-000000000000.wav", (2025, 3, 14, 0, 0, 0), {}),
        ("1001_20250314.wav", (2025, 3, 14, 0, 0, 0), {}),
        ("通话录音13800138000_250314_093012.m4a", (2025, 3, 14, 9, 30, 12), {"customer_id": PHONE}),
    ],
)
def test_the_shipped_sources_read_the_names_of_common_platforms(
    name: str, started: tuple[int, ...] | None, facts: dict[str, str]
) -> None:
    found = describe(name)
    if started is None:
        assert found.time_source == "file_name"
        assert found.started_at == at(2025, 3, 14, 9, 30, 12)
    else:
        assert found.started_at.replace(microsecond=0) == at(*started), found.notes
        assert found.time_source == "file_name"
    for fact, value in facts.items():
        assert getattr(found.facts, fact) == value


def test_two_days_that_a_two_digit_year_may_mean_are_told_and_neither_is_taken() -> None:
    found = describe("210314_093012.wav")  # 2021-03-14 or, day first, 2014-03-21: before 2020
    assert found.started_at == at(2021, 3, 14, 9, 30, 12)
    unsure = describe("220321_093012.wav")  # 2022-03-21 or 2021-03-22
    assert unsure.time_source == "mtime"
    assert "may be 2022-03-21 or 2021-03-22" in unsure.notes[0]
