"""Sidecars and manifests of other programs: found, bounded before a byte is read, and told."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callqa_assets.ingestion import manifest_reader
from callqa_assets.warehouse import tables
from tests.support.calls import write_call
from tests.support.snapshot import read_rows

DAY = "2025-03-14"
TOO_LARGE = 4 << 40


def described(warehouse) -> dict[str, dict]:
    """What intake says of each recording's call, by name."""
    rows = read_rows(warehouse, tables.intake)
    return {r["name"]: r["metadata"]["call"] for r in rows if r["kind"] == "audio"}


@pytest.mark.parametrize("name", ["call.wav.json", "13800138000.manifest.csv"])
def test_a_metadata_file_of_four_terabytes_is_told_and_costs_nothing(home, warehouse, direct, name):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / name).touch()
    os.truncate(home.drop / name, TOO_LARGE)
    (note,) = direct.scan_once().notes
    assert "not used" in note
    assert "13800138000" not in note
    assert len(json.dumps(read_rows(warehouse, tables.intake)[0]["metadata"])) < 2000


def test_manifests_are_read_while_the_database_is_free(home, warehouse, direct, monkeypatch):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "manifest.csv").write_text("file,agent_id\ncall.wav,lina\n")
    real = manifest_reader.parse_manifest

    def write() -> None:
        with warehouse.write(lock="intake"):
            pass

    def parse(raw: bytes, name: str):
        other.submit(write).result(timeout=5)
        return real(raw, name)

    monkeypatch.setattr(manifest_reader, "parse_manifest", parse)
    with ThreadPoolExecutor(1) as other:
        direct.scan_once()
    assert described(warehouse)["call.wav"]["agent_id"] == "lina"


def test_a_scan_that_finds_nothing_new_reads_no_manifest(home, warehouse, direct, monkeypatch):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "manifest.csv").write_text("file,agent_id\ncall.wav,lina\n")
    direct.scan_once()
    monkeypatch.delattr(manifest_reader, "parse_manifest")
    direct.scan_once()


def test_rows_that_match_no_recording_are_counted(home, warehouse, direct):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "manifest.csv").write_text("file,agent_id\ncall,lina\nother.wav,li\n")
    (note,) = direct.scan_once().notes
    assert note == "manifest.csv: 1 of 2 rows match no recording, the first in line 3"
    assert described(warehouse)["call.wav"]["agent_id"] == "lina"


def test_a_late_manifest_finds_recordings_by_their_stem(home, warehouse, direct):
    write_call(home.drop, DAY, name="call.wav")
    direct.ingest_all()
    (home.drop / "manifest.csv").write_text("file;agent_id\nC:\\rec\\call.V3;lina\n")
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["agent_id"] == "lina"


@pytest.mark.parametrize(
    ("recording", "sidecar"),
    [("call.wav", "call.wav_metadata.json"), ("call (1).wav", "call.json")],
)
def test_sidecars_are_found_under_the_names_that_others_give(
    home, warehouse, direct, recording, sidecar
):
    write_call(home.drop, DAY, name=recording)
    (home.drop / sidecar).write_text('{"agent_id": "lina"}')
    direct.scan_once()
    assert described(warehouse)[recording]["agent_id"] == "lina"


def test_a_sidecar_without_a_recording_is_told(home, direct):
    (home.drop / "call.json").write_text("{}")
    assert direct.scan_once().notes == ("call.json: no recording of that name",)


def test_the_archive_keeps_a_sidecar_beside_its_recording(home, warehouse, direct):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.wav_metadata.json").write_text('{"agent_id": "lina"}')
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert (home.root / Path(recording["archive_path"])).with_suffix(".json").is_file()


def test_roles_for_another_number_of_channels_are_told(home, warehouse, direct):
    write_call(home.drop, DAY, name="call.wav")
    roles = ["agent", "customer", "supervisor"]
    (home.drop / "call.json").write_text(json.dumps({"channel_roles": roles}))
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    (note,) = recording["metadata"]["notes"]
    assert note.startswith("channel_roles name 3 channels, the recording has ")
