"""Scanning and describing: what is listed, and metadata that comes beside, late or damaged."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from callqa_assets.domain.calls.files import DropFile
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.dirty_days import read_dirty_days
from resources.storage.archive import RecordingArchive
from resources.storage.drop_folder import DropFolder, DropFolderError
from tests.ingestion.conftest import Kill
from tests.support.calls import set_mtime, write_call
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


def test_links_hidden_files_and_unfinished_copies_are_not_listed(home, warehouse, direct, tmp_path):
    outside = write_call(tmp_path / "elsewhere", DAY)
    (home.drop / "link.wav").symlink_to(outside)
    (home.drop / "folder").symlink_to(outside.parent)
    for name in (".hidden.wav", "call.wav.part", "call.wav.tmp", "call.wav.filepart"):
        (home.drop / name).write_bytes(b"unfinished")
    (home.drop / ".folder").mkdir()
    write_call(home.drop / ".folder", DAY)
    os.mkfifo(home.drop / "pipe.wav")
    assert direct.scan_once().listed == 0
    assert read_rows(warehouse, tables.intake) == []
    assert outside.is_file()


def test_a_missing_drop_folder_is_an_error_that_names_it(home, direct):
    home.drop.rmdir()
    with pytest.raises(DropFolderError, match=r"drop does not exist: create it or set CALLQA_DROP"):
        direct.scan()


# Metadata that comes beside or later --------------------------------------------------------


def test_a_sidecar_that_comes_while_its_call_is_being_moved_is_applied_at_the_next_scan(
    home, warehouse, direct, kill
):
    path = write_call(home.drop, DAY, name="call.wav")
    set_mtime(path, "2025-03-16 10:00")
    direct.scan()
    kill(RecordingArchive, "store", after=True)
    with pytest.raises(Kill):
        direct.ingest("2025-03-16")
    kill.revive()
    (home.drop / "call.json").write_text(json.dumps({"started_at": f"{DAY} 09:00:00"}))
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["day"] == "2025-03-16"
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert (recording["day"], recording["time_source"]) == (DAY, "sidecar")
    assert list(home.drop.iterdir()) == []


def test_a_late_sidecar_describes_the_newest_file_of_that_name(home, warehouse, direct):
    """Platforms use names again: yesterday's call must not move to today's facts."""
    set_mtime(write_call(home.drop, DAY, name="rec.wav", seed=1), "2025-03-13 10:00")
    direct.ingest_all()
    set_mtime(write_call(home.drop, DAY, name="rec.wav", seed=2), "2025-03-14 10:00")
    direct.ingest_all()
    (home.drop / "rec.json").write_text(json.dumps({"agent_id": "lina"}))
    direct.ingest_all()
    by_day = {r["day"]: r for r in read_rows(warehouse, tables.recordings)}
    assert {day: r["agent_id"] for day, r in by_day.items()} == {
        "2025-03-13": None,
        "2025-03-14": "lina",
    }
    beside = (home.root / by_day["2025-03-14"]["archive_path"]).with_suffix(".json")
    assert beside.is_file()


def test_a_sidecar_that_cannot_be_read_now_is_applied_once_it_can(
    home, warehouse, direct, monkeypatch
):
    write_call(home.drop, DAY)
    (home.drop / f"{DAY.replace('-', '')}-093000_1001_13800138000.json").write_text(
        '{"queue": "vip"}'
    )

    def refuse(self: DropFolder, file: DropFile, max_bytes: int) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(DropFolder, "read", refuse)
    (note,) = direct.scan_once().notes
    assert "Permission denied" in note
    direct.ingest(DAY)
    monkeypatch.undo()
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["queue"] == "vip"


def test_a_late_sidecar_makes_its_day_dirty_even_where_it_adds_nothing(home, warehouse, direct):
    """Else it would lie in the drop folder until something else arrives for the day."""
    write_call(home.drop, DAY, name="call.wav")
    direct.ingest_all()
    with warehouse.read() as connection:
        before = read_dirty_days(connection)
    (home.drop / "call.json").write_text("{}")
    direct.scan()
    with warehouse.read() as connection:
        (day,) = before
        assert read_dirty_days(connection)[day] == before[day] + 1


def test_a_manifest_cannot_describe_files_outside_its_folder(home, warehouse, direct):
    write_call(home.drop, DAY, name="victim.wav", seed=1)
    (home.drop / "sub").mkdir()
    lines = "\n".join(
        f"{file},{DAY} 08:00:00,mallory"
        for file in ("../victim.wav", str(home.drop / "victim.wav"), "..\\victim.wav")
    )
    (home.drop / "sub" / "manifest.csv").write_text(f"file,started_at,agent_id\n{lines}\n")
    found = direct.scan_once()
    assert sum("points out of its folder" in note for note in found.notes) == 2
    (row,) = (r for r in read_rows(warehouse, tables.intake) if r["kind"] == "audio")
    assert row["metadata"]["call"]["agent_id"] is None


def test_a_manifest_is_read_only_once_it_has_settled(home, warehouse, direct):
    """It may be cut off in the middle of a row while it is being copied."""
    write_call(home.drop, DAY, name="call.wav")
    now = datetime.now(UTC)
    direct.scan_once(settle=timedelta(seconds=20), now=now)
    (home.drop / "manifest.csv").write_text(f"file,started_at,agent_id\ncall.wav,{DAY} 08:00:00,li")
    direct.scan_once(settle=timedelta(seconds=20), now=now + timedelta(seconds=30))
    (row,) = (r for r in read_rows(warehouse, tables.intake) if r["kind"] == "audio")
    assert (row["state"], row["metadata"]["call"]["agent_id"]) == ("stable", None)

    (home.drop / "manifest.csv").write_text(
        f"file,started_at,agent_id\ncall.wav,{DAY} 08:00:00,lina\n"
    )
    for seconds in (60, 90):
        direct.scan_once(settle=timedelta(seconds=20), now=now + timedelta(seconds=seconds))
    (row,) = (r for r in read_rows(warehouse, tables.intake) if r["kind"] == "audio")
    assert row["metadata"]["call"]["agent_id"] == "lina"


def test_a_sidecar_may_spell_its_suffix_in_capitals(home, warehouse, direct):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.JSON").write_text('{"agent_id": "lina"}')
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["agent_id"] == "lina"


def test_metadata_with_zero_bytes_does_not_stop_the_scan(home, warehouse, direct):
    """PostgreSQL's JSON holds no NUL: one such sidecar would fail every scan for ever."""
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.json").write_bytes(b'{"agent_id": "li\0na"}\0')
    direct.ingest_all()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["agent_id"] == "lina"
    assert "\0" not in json.dumps([r["metadata"] for r in read_rows(warehouse, tables.intake)])


def test_two_scans_at_once_record_every_file_once(home, warehouse, direct):
    for seed in range(5):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    with ThreadPoolExecutor(4) as threads:
        scans = [threads.submit(direct.scan_once) for _ in range(4)]
    assert sorted(scan.result().settled for scan in scans) == [0, 0, 0, 5]
    assert [r["state"] for r in read_rows(warehouse, tables.intake)] == ["stable"] * 5
    with warehouse.read() as connection:
        assert read_dirty_days(connection) == {DAY: 1}


def test_a_recording_is_ingested_only_after_two_scans(home, warehouse, direct):
    write_call(home.drop, DAY)
    first = direct.scan_once(settle=timedelta(seconds=20))
    assert (first.listed, first.settled, first.waiting) == (1, 0, 1)
    direct.ingest(DAY)
    assert read_rows(warehouse, tables.recordings) == []
