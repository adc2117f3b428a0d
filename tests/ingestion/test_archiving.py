"""Archiving: killed anywhere, unreadable, changed: one row each, nothing lost."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path

import pytest

from callqa_assets.ingestion import archiving
from callqa_assets.warehouse import tables
from resources.storage.archive import RecordingArchive
from resources.storage.home import Home
from tests.ingestion.conftest import Kill
from tests.support.calls import set_mtime, write_call
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


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


# What cannot be read now --------------------------------------------------------------------


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
    real = archiving.decode_open

    def decode(file: FileIO):
        if file.name == cursed:
            raise ZeroDivisionError("frame rate 0")
        return real(file)

    monkeypatch.setattr(archiving, "decode_open", decode)
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
