"""Archiving: killed anywhere, unreadable, changed: one row each, nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.calls.sources import load_config
from callqa_assets.ingestion import archiving
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import open_warehouse
from callqa_assets.warehouse.dirty_days import read_generation
from callqa_assets.warehouse.recordings import recording_from_row
from resources.storage.archive import FREE_FLOOR_BYTES, RecordingArchive
from resources.storage.home import Home
from tests.ingestion.conftest import Kill
from tests.support import direct as support
from tests.support.calls import set_mtime, write_call
from tests.support.direct import DirectRun
from tests.support.processes import run_process
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


def files_below(folder: Path) -> list[Path]:
    """Every file but the records beside archived files."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".record.json")
    )


def assert_all_in_archive(home: Home, warehouse, count: int) -> None:
    """Every recording has one row and its file, and there is no file without a row."""
    found = read_rows(warehouse, tables.recordings)
    assert len(found) == count
    assert files_below(home.archive) == sorted(home.root / r["archive_path"] for r in found)
    assert files_below(home.drop) == []
    assert {r["state"] for r in read_rows(warehouse, tables.intake)} == {"ingested"}


# Killed anywhere ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (archiving, "_archive_files", False),
        (RecordingArchive, "store", False),
        (RecordingArchive, "store", True),
        (archiving, "insert_recording", False),
        (archiving, "insert_recording", True),
    ],
    ids=["before moving", "before the rename", "after the rename", "before the row", "in the row"],
)
def test_a_kill_while_files_are_archived_strands_nothing(
    home, warehouse, direct, kill, owner, name, after
):
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.scan()
    kill(owner, name, after=after)
    with pytest.raises(Kill):
        direct.ingest(DAY)
    assert read_rows(warehouse, tables.recordings) == []
    kill.revive()
    assert direct.ingest_all() == []
    assert_all_in_archive(home, warehouse, 3)


def _across_file_systems(monkeypatch: pytest.MonkeyPatch, drop: Path) -> None:
    real = os.replace

    def replace(source, target):
        if os.fsencode(source).startswith(os.fsencode(drop)):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def test_a_drop_folder_on_another_file_system_is_copied_then_emptied(
    home, warehouse, direct, monkeypatch
):
    content = write_call(home.drop, DAY).read_bytes()
    _across_file_systems(monkeypatch, home.drop)
    direct.ingest_all()
    assert_all_in_archive(home, warehouse, 1)
    (kept,) = files_below(home.archive)
    assert kept.read_bytes() == content


def test_a_kill_after_the_copy_across_file_systems_strands_nothing(
    home, warehouse, direct, kill, monkeypatch
):
    """The copy has another time of change than intake wrote down: it is known by its content."""
    write_call(home.drop, DAY)
    direct.scan()
    with monkeypatch.context() as elsewhere:
        _across_file_systems(elsewhere, home.drop)
        real = RecordingArchive.store

        def store_then_die(*args, **kwargs):
            real(*args, **kwargs)
            raise Kill

        elsewhere.setattr(RecordingArchive, "store", store_then_die)
        with pytest.raises(Kill):
            direct.ingest(DAY)
    direct.ingest_all()
    assert_all_in_archive(home, warehouse, 1)


def test_a_new_file_at_the_place_of_one_whose_move_was_cut_short_harms_neither(
    home, warehouse, direct, kill
):
    path = write_call(home.drop, DAY, seed=1)
    first = path.read_bytes()
    direct.scan()
    kill(RecordingArchive, "store", after=True)
    with pytest.raises(Kill):
        direct.ingest(DAY)
    kill.revive()
    write_call(home.drop, DAY, seed=2)
    set_mtime(path, "2025-03-15 10:00")
    second = path.read_bytes()
    direct.ingest_all()
    assert_all_in_archive(home, warehouse, 2)
    assert {p.read_bytes() for p in files_below(home.archive)} == {first, second}


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_file_changed_after_it_was_decoded_is_not_archived_under_the_old_identity(
    home, warehouse, direct, monkeypatch, change
):
    path = write_call(home.drop, DAY, seed=1)
    direct.scan()
    real = archiving._sort_out

    def change_meanwhile(*args):
        good = real(*args)
        path.unlink()
        if change == "replaced":
            write_call(home.drop, DAY, seed=2)
            set_mtime(path, "2025-03-15 10:00")
        return good

    monkeypatch.setattr(archiving, "_sort_out", change_meanwhile)
    direct.ingest(DAY)
    assert read_rows(warehouse, tables.recordings) == []
    monkeypatch.undo()
    direct.ingest_all()
    assert len(read_rows(warehouse, tables.recordings)) == (1 if change == "replaced" else 0)


def test_a_file_that_changed_since_it_was_listed_is_not_read(home, warehouse, direct):
    path = write_call(home.drop, DAY)
    direct.scan()
    set_mtime(path, "2025-03-15 10:00")
    assert direct.ingest(DAY) == archiving.IngestReport()
    (row,) = read_rows(warehouse, tables.intake)
    assert (row["state"], row["archive_path"]) == ("replaced", None)


@pytest.mark.parametrize("other", ["pipe", "link", "folder"])
def test_what_took_the_place_of_a_file_is_not_opened(home, warehouse, direct, other, tmp_path):
    path = write_call(home.drop, DAY, "1001", seed=1)
    write_call(home.drop, DAY, "1002", seed=2)
    outside = write_call(tmp_path, DAY, seed=3)
    direct.scan()
    path.unlink()
    if other == "pipe":
        os.mkfifo(path)
    elif other == "link":
        path.symlink_to(outside)
    else:
        path.mkdir()
    assert direct.ingest(DAY).problems == []
    assert len(read_rows(warehouse, tables.recordings)) == 1
    assert outside.is_file()


def test_a_file_with_a_second_name_cannot_be_changed_through_it(home, warehouse, direct, tmp_path):
    path = write_call(home.drop, DAY)
    content = path.read_bytes()
    os.link(path, tmp_path / "second.wav")
    direct.ingest_all()
    assert_all_in_archive(home, warehouse, 1)
    (tmp_path / "second.wav").write_bytes(b"changed")
    (kept,) = files_below(home.archive)
    assert kept.read_bytes() == content


def test_a_second_name_of_what_the_archive_has_already_leaves_the_drop_folder(
    home, warehouse, direct
):
    """A rename of one name onto another of the same file does nothing."""
    path = write_call(home.drop, DAY, name="call.wav")
    direct.ingest_all()
    (kept,) = files_below(home.archive)
    (home.drop / "again").mkdir()
    os.link(kept, home.drop / "again" / path.name)
    direct.ingest_all()
    assert_all_in_archive(home, warehouse, 1)


# What cannot be read or archived now ---------------------------------------------------------


def test_a_file_without_permission_stays_is_reported_and_ingested_once_it_may_be(
    home, warehouse, direct, monkeypatch
):
    write_call(home.drop, DAY, "1001", seed=1)
    locked = write_call(home.drop, DAY, "1002", seed=2)
    real = archiving.open_regular

    def refuse(path: Path) -> FileIO:
        if path == locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(archiving, "open_regular", refuse)
    (problem,) = direct.ingest_all()
    assert "_1002_" in problem
    assert "Permission denied" in problem
    assert locked.is_file()
    assert len(read_rows(warehouse, tables.recordings)) == 1
    monkeypatch.undo()
    assert direct.ingest_all() == []
    assert_all_in_archive(home, warehouse, 2)


def test_a_file_that_may_be_read_but_not_moved_stays_and_the_others_are_ingested(
    home, warehouse, direct, monkeypatch
):
    write_call(home.drop, DAY, "1001", seed=1)
    fixed = write_call(home.drop, DAY, "1002", seed=2)
    real = os.replace

    def refuse(source, target):
        if os.fsencode(source) == os.fsencode(fixed):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    (problem,) = direct.ingest_all()
    assert "--copy" in problem
    assert len(read_rows(warehouse, tables.recordings)) == 1
    monkeypatch.undo()
    assert direct.ingest_all() == []
    assert_all_in_archive(home, warehouse, 2)


def test_a_file_that_breaks_the_decoder_does_not_hold_up_the_day(
    home, warehouse, direct, monkeypatch
):
    write_call(home.drop, DAY, "1001", seed=1)
    cursed = write_call(home.drop, DAY, "1002", seed=2)
    real = archiving.open_stream

    def decode(file: FileIO, encoding: Encoding | None):
        if file.name == cursed:
            raise ZeroDivisionError("frame rate 0")
        return real(file, encoding)

    monkeypatch.setattr(archiving, "open_stream", decode)
    (problem,) = direct.ingest_all()
    assert "ZeroDivisionError" in problem
    assert cursed.is_file()
    assert len(read_rows(warehouse, tables.recordings)) == 1


def test_a_file_that_vanished_before_it_was_archived_leaves_no_row_and_may_come_back(
    home, warehouse, direct
):
    path = write_call(home.drop, DAY)
    content = path.read_bytes()
    direct.scan()
    path.unlink()
    (home.drop / "empty").mkdir()
    assert direct.ingest_all() == []
    assert read_rows(warehouse, tables.recordings) == []
    path.write_bytes(content)
    direct.ingest_all()
    assert len(read_rows(warehouse, tables.recordings)) == 1


def test_an_archive_that_cannot_be_written_is_told_and_nothing_is_lost(home, warehouse, direct):
    for seed in range(2):
        write_call(home.drop, DAY, f"100{seed}", seed=seed)
    home.archive.rmdir()
    home.archive.write_text("in its place")
    problems = direct.ingest_all()
    assert len(problems) == 2
    assert all("archive/ or quarantine/ of the home is no folder" in p for p in problems)
    home.archive.unlink()
    assert direct.ingest_all() == []
    assert_all_in_archive(home, warehouse, 2)


def test_a_copy_that_would_fill_the_disk_is_not_made_and_the_others_are(
    home, warehouse, direct, monkeypatch
):
    call = write_call(home.drop, DAY)
    (home.drop / f"{DAY.replace('-', '')}-090000_1_1.wav").write_bytes(b"junk" * 500_000)
    room = FREE_FLOOR_BYTES + 2 * call.stat().st_size
    usage = shutil.disk_usage(home.root)._replace(total=1 << 40, free=room)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    direct.scan()
    (home.archive / "00").mkdir()
    (home.archive / "00" / "killed.wav.0123.part").touch()
    (problem,) = direct.ingest(DAY, copy=True).problems
    assert "1,024 MiB must stay free: make room on the archive's disk" in problem
    assert [r["status"] for r in read_rows(warehouse, tables.recordings)] == ["ok"]
    assert not list(home.root.rglob("*.part"))


def test_a_decoder_that_fails_three_times_at_a_file_puts_it_into_the_quarantine(
    home, warehouse, direct, monkeypatch
):
    path = write_call(home.drop, DAY, seed=1)

    def decode(file: FileIO, encoding: Encoding | None):
        raise MemoryError

    monkeypatch.setattr(archiving, "open_stream", decode)
    assert [len(direct.ingest_all()) for _ in range(3)] == [1, 1, 0]
    (row,) = read_rows(warehouse, tables.recordings)
    assert row["status"] == "quarantined"
    assert row["reason"].startswith("given up unread after 3 attempts: MemoryError")
    # Delivered again after the cause was mended, it is a recording.
    monkeypatch.undo()
    shutil.copyfile(home.root / row["archive_path"], path)
    direct.ingest_all()
    assert sorted(r["status"] for r in read_rows(warehouse, tables.recordings)) == [
        "ok",
        "quarantined",
    ]


# What kills its process ---------------------------------------------------------------------


def ingest_until_killed(root: Path, url: str) -> None:
    """Ingest the day; the process dies at files named `poison…`."""
    real = archiving.open_stream

    def decode(file: FileIO, encoding: Encoding | None):
        if "poison" in str(file.name):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(file, encoding)

    archiving.open_stream = decode
    home = Home(root)
    DirectRun(home, open_warehouse(url), home.root / "rules.yaml").ingest(DAY)


@pytest.mark.both_engines
def test_a_file_that_kills_its_process_three_times_is_quarantined_and_the_others_go_on(
    home, warehouse, direct
):
    url = warehouse.engine.url.render_as_string(hide_password=False)
    for name in ("a.wav", "poison.wav", "z.wav"):
        set_mtime(write_call(home.drop, DAY, name=name, seed=ord(name[0])), f"{DAY} 09:00")
    direct.scan()
    assert run_process(ingest_until_killed, home.root, url) == -9
    set_mtime(write_call(home.drop, DAY, name="later.wav", seed=1), f"{DAY} 09:00")
    direct.scan()
    assert run_process(ingest_until_killed, home.root, url) == -9
    (later,) = [r for r in read_rows(warehouse, tables.intake) if r["name"] == "later.wav"]
    assert later["state"] == "ingested"  # what was not at hand when it died comes first
    with warehouse.read() as connection:
        generation = read_generation(connection, DAY)
    assert run_process(ingest_until_killed, home.root, url) == -9
    assert len(read_rows(warehouse, tables.recordings)) == 3  # all others
    assert run_process(ingest_until_killed, home.root, url) == 0
    with warehouse.read() as connection:  # else the sensor would give the day up after three runs
        assert read_generation(connection, DAY) > generation
    by_name = {r["source_name"]: r for r in read_rows(warehouse, tables.recordings)}
    assert {name: r["status"] for name, r in by_name.items()} == {
        "a.wav": "ok",
        "later.wav": "ok",
        "poison.wav": "quarantined",
        "z.wav": "ok",
    }
    assert "the process ended each time" in by_name["poison.wav"]["reason"]
    assert files_below(home.drop) == []


def test_a_run_that_is_stopped_blames_no_file(home, warehouse, direct, kill):
    write_call(home.drop, DAY)
    direct.scan()
    kill(RecordingArchive, "store")
    for _ in range(4):
        with pytest.raises(Kill):
            direct.ingest(DAY)
    kill.revive()
    assert direct.ingest_all() == []
    assert [r["status"] for r in read_rows(warehouse, tables.recordings)] == ["ok"]


# Sound without a header ---------------------------------------------------------------------


def test_what_a_source_says_of_sound_without_a_header_is_stored_and_decides_ever_after(
    home, warehouse, direct, monkeypatch
):
    raw = np.random.default_rng(0).integers(0, 256, 16_000, np.uint8).tobytes()
    named, unnamed = home.drop / "a.alaw", home.drop / "b.raw"
    named.write_bytes(raw)
    unnamed.write_bytes(raw[::-1])
    direct.ingest_all()
    rows = {row["source_name"]: row for row in read_rows(warehouse, tables.recordings)}
    assert (rows["a.alaw"]["codec"], rows["a.alaw"]["codec_rate_hz"]) == ("alaw", 8000)
    assert rows["b.raw"]["status"] == "quarantined"
    assert "decode: {codec: alaw, rate_hz: 8000}" in rows["b.raw"]["reason"]

    source = "{name: raw, match: '*.raw', decode: {codec: s16le, rate_hz: 16000}}"
    config = load_config(f"sources: [{source}]", source="call_metadata.yaml")
    monkeypatch.setattr(support, "_shipped_metadata_config", lambda: config)
    unnamed.write_bytes(raw[::-1])
    direct.ingest_all()
    rows = {row["source_name"]: row for row in read_rows(warehouse, tables.recordings)}
    assert rows["b.raw"]["status"] == "ok"
    assert (rows["b.raw"]["codec"], rows["b.raw"]["duration_s"]) == ("s16le", 0.5)
    with warehouse.read() as connection:
        row = connection.execute(
            sa.select(tables.recordings).where(tables.recordings.c.source_name == "b.raw")
        ).one()
    (waveform,) = RecordingArchive(home).load(recording_from_row(row))
    assert len(waveform) == 8000
