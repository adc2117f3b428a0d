"""Files and folders that cannot be used, beside good calls: named, and they hold up no other."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from callqa_assets.ingestion.description import CallDescriber
from callqa_assets.ingestion.discovery import scan
from callqa_assets.warehouse import tables
from resources.storage.drop_folder import (
    MAX_NOTES,
    MAX_PATH_BYTES,
    MAX_RECORDING_BYTES,
    DropFolder,
)
from tests.support.calls import write_call
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


@pytest.fixture
def good(home) -> list[Path]:
    """Two good calls of one day in the drop folder."""
    return [write_call(home.drop, DAY, f"100{seed}", seed=seed) for seed in range(2)]


def statuses(warehouse) -> list[str]:
    return sorted(row["status"] for row in read_rows(warehouse, tables.recordings))


def make_folders(root: Path, names: list[bytes]) -> None:
    """Folders one in the other, deeper than a path can say, with a file in the innermost."""
    place = os.open(root, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=place)
        inner = os.open(name, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(os.open(b"call.wav", os.O_CREAT, dir_fd=place))
    os.close(place)


def random_names(count: int, alphabet: bytes) -> list[bytes]:
    """Names that a database cannot compress."""
    rng = np.random.default_rng(1)
    return [bytes(rng.choice(list(alphabet), 180).tolist()) for _ in range(count)]


LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    "names",
    [
        [b"d"] * 1200,
        [b"x" * 200] * 25,
        random_names(15, LETTERS),
        random_names(4, bytes(range(128, 255))),
    ],
    ids=["deeper than the stack", "beyond PATH_MAX", "beyond an index", "long as text only"],
)
def test_a_path_that_cannot_be_recorded_is_left_out_and_named_at_each_scan(
    home, warehouse, direct, good, names
):
    make_folders(home.drop, names)
    try:
        for _ in range(2):
            found = direct.scan_once()
            (note,) = found.notes
            assert f"at most {MAX_PATH_BYTES} are read" in note
            assert found.left_out == 1
        direct.ingest_all()
        assert statuses(warehouse) == ["ok", "ok"]
    finally:  # pytest's own removal is recursive
        subprocess.run(["rm", "-rf", home.drop], check=True)


@pytest.mark.parametrize("year", [1, 1905, 1969, 2100, 2400, 12000])
def test_the_date_of_a_file_may_be_any(home, warehouse, direct, good, year):
    odd = write_call(home.drop, DAY, name="odd.wav", seed=9)
    seconds = (year - 1970) * 31_556_952
    os.utime(odd, (seconds, seconds))
    assert direct.scan_once().left_out == 0
    assert direct.ingest_all() == []
    assert statuses(warehouse) == ["ok", "ok", "ok"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTDIR])
def test_a_folder_that_cannot_be_listed_now_hides_no_other_and_loses_none_of_its_files(
    home, warehouse, direct, good, monkeypatch, number
):
    inner = write_call(home.drop / "share", DAY, "1009", seed=9)
    direct.scan()
    real = os.scandir

    def refuse(folder):
        if os.fsencode(folder).endswith(b"/share"):
            raise OSError(number, os.strerror(number))
        return real(folder)

    with monkeypatch.context() as broken:
        broken.setattr(os, "scandir", refuse)
        found = direct.scan_once()
    assert found.listed == 2
    assert found.notes == (
        f"share: {os.strerror(number)}: not read; give the user of callqa read permission, or "
        "check the disk or share on which it lies",
    )
    states = {r["source_path"]: r["state"] for r in read_rows(warehouse, tables.intake)}
    assert states[os.fsencode(inner)] == "stable"


def test_what_is_no_file_is_never_opened_and_named(home, warehouse, direct, good):
    os.mkfifo(home.drop / "pipe.wav")
    os.mkfifo(home.drop / f"{good[0].stem}.json")
    os.mkfifo(home.drop / "manifest.csv")
    (home.drop / "one.wav").symlink_to(good[0])
    (home.drop / "two.wav").symlink_to("nowhere")
    found = direct.scan_once()
    assert (found.listed, found.left_out) == (2, 3)
    assert sum("no file: not opened" in note for note in found.notes) == 3
    assert found.notes[-1] == (
        "one.wav and 1 more: links are not followed: put the files themselves there"
    )
    direct.ingest_all()
    assert statuses(warehouse) == ["ok", "ok"]


def test_the_notes_of_a_scan_are_few_however_much_was_left_out(home, direct, good):
    for number in range(MAX_NOTES + 30):
        os.mkfifo(home.drop / f"{number}.wav")
    found = direct.scan_once()
    assert (found.left_out, len(found.notes)) == (MAX_NOTES + 30, MAX_NOTES + 1)
    assert found.notes[-1].startswith("30 more files or folders were left out")


def test_a_file_larger_than_any_recording_is_neither_read_nor_copied(home, warehouse, direct, good):
    junk = home.drop / "junk.wav"
    junk.touch()
    os.truncate(junk, MAX_RECORDING_BYTES + 1)
    (note,) = direct.scan_once().notes
    assert "junk.wav" in note
    assert "more than the 4 GiB" in note
    direct.ingest_all()
    assert statuses(warehouse) == ["ok", "ok"]
    assert junk.exists()


@pytest.mark.parametrize("fault", [ValueError("no"), OverflowError("no")])
def test_a_file_that_cannot_be_described_is_named_and_left_out(
    home, warehouse, direct, good, monkeypatch, fault
):
    write_call(home.drop, DAY, name="13800138000\n.wav", seed=9)
    real = CallDescriber.describe_new

    def describe(describer, file):
        real(describer, file)
        if b"\n" in file.name:
            raise fault

    monkeypatch.setattr(CallDescriber, "describe_new", describe)
    found = direct.scan_once()
    assert (found.listed, found.settled, found.left_out) == (3, 2, 1)
    (note,) = found.notes
    assert note.startswith(rf"138…00\n.wav: it cannot be recorded ({type(fault).__name__})")
    direct.ingest_all()
    assert statuses(warehouse) == ["ok", "ok"]
    assert [r["state"] for r in read_rows(warehouse, tables.intake)].count("seen") == 1


def test_a_row_that_the_database_refuses_keeps_no_other_out(
    home, warehouse, direct, good, monkeypatch
):
    monkeypatch.setattr(
        "resources.storage.drop_folder.version_of",
        lambda status: (status.st_size, 2**70 if status.st_size == 1 else status.st_mtime_ns),
    )
    (home.drop / "odd.wav").write_bytes(b"x")
    found = direct.scan_once()
    assert (found.settled, found.left_out) == (2, 1)
    assert "odd.wav: it cannot be recorded" in found.notes[0]
    assert len(read_rows(warehouse, tables.intake)) == 2


# The drop folder and the clock --------------------------------------------------------------


def test_a_share_that_is_not_mounted_loses_no_file(home, warehouse, direct, good, tmp_path):
    direct.scan()
    shutil.move(home.drop, tmp_path / "away")
    home.drop.mkdir()
    (note,) = direct.scan_once().notes
    assert note.startswith("the drop folder is empty, but 2 of its files")
    problems = direct.ingest(DAY).problems
    assert all("mount it if it is a share" in problem for problem in problems)
    assert {r["state"] for r in read_rows(warehouse, tables.intake)} == {"stable"}
    home.drop.rmdir()
    shutil.move(tmp_path / "away", home.drop)
    assert direct.ingest_all() == []
    assert statuses(warehouse) == ["ok", "ok"]


def test_an_empty_drop_folder_is_nothing_to_tell(home, direct, good):
    direct.ingest_all()
    assert direct.scan_once().notes == ()


def test_a_clock_that_was_ahead_delays_a_file_by_one_settling_time(warehouse, direct, good):
    settle, now = timedelta(seconds=20), datetime.now(UTC)
    direct.scan_once(settle=settle, now=now + timedelta(days=400))
    assert direct.scan_once(settle=settle, now=now).settled == 0
    assert direct.scan_once(settle=settle, now=now + settle).settled == 2


def test_a_scan_may_leave_recordings_to_the_next(home, warehouse, direct, good):
    drop, config = DropFolder(home.drop), direct.pipeline().metadata
    for settled, waiting in ((1, 1), (1, 0), (0, 0)):
        found = scan(
            warehouse,
            drop,
            config,
            home.calendar,
            now=datetime.now(UTC),
            settle=timedelta(0),
            at_most=1,
        )
        assert (found.settled, found.waiting) == (settled, waiting)
