"""Taking files in: killed anywhere, late, unreadable, changed: one row each, nothing lost."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callqa_assets.ingestion import archiving as ingest_module
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.dirty_days import read_dirty_days
from resources.storage.archive import RecordingArchive
from resources.storage.drop_folder import DropFolderError
from resources.storage.home import Home
from tests.support.calls import set_mtime, write_call
from tests.support.direct import DirectHearing
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


class Kill(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def hearing(home: Home, warehouse, rules: Path) -> DirectHearing:
    return DirectHearing(home, warehouse, rules)


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch):
    """Make a function die instead of, or right after, doing its work; `revive` ends that."""

    def install(owner, name: str, *, after: bool = False) -> None:
        real = getattr(owner, name)

        def die(*args, **kwargs):
            if after:
                real(*args, **kwargs)
            raise Kill

        monkeypatch.setattr(owner, name, die)

    install.revive = monkeypatch.undo
    return install


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
        (ingest_module, "_take", False),
        (RecordingArchive, "take", False),
        (RecordingArchive, "take", True),
        (ingest_module, "insert_recording", False),
        (ingest_module, "insert_recording", True),
    ],
    ids=["before moving", "before the rename", "after the rename", "before the row", "in the row"],
)
def test_a_kill_while_taking_files_in_strands_nothing(
    home, warehouse, hearing, kill, owner, name, after
):
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    hearing.scan()
    kill(owner, name, after=after)
    with pytest.raises(Kill):
        hearing.ingest(DAY)
    assert read_rows(warehouse, tables.recordings) == []
    kill.revive()
    assert hearing.take_in() == []
    assert_all_in_archive(home, warehouse, 3)


def _across_file_systems(monkeypatch: pytest.MonkeyPatch, drop: Path) -> None:
    real = os.replace

    def replace(source, target):
        if os.fsencode(source).startswith(os.fsencode(drop)):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def test_a_drop_folder_on_another_file_system_is_copied_then_emptied(
    home, warehouse, hearing, monkeypatch
):
    content = write_call(home.drop, DAY).read_bytes()
    _across_file_systems(monkeypatch, home.drop)
    hearing.take_in()
    assert_all_in_archive(home, warehouse, 1)
    (kept,) = files_below(home.archive)
    assert kept.read_bytes() == content


def test_a_kill_after_the_copy_across_file_systems_strands_nothing(
    home, warehouse, hearing, kill, monkeypatch
):
    """The copy has another time of change than intake wrote down: it is known by its content."""
    write_call(home.drop, DAY)
    hearing.scan()
    with monkeypatch.context() as elsewhere:
        _across_file_systems(elsewhere, home.drop)
        real = RecordingArchive.take

        def take_then_die(*args, **kwargs):
            real(*args, **kwargs)
            raise Kill

        elsewhere.setattr(RecordingArchive, "take", take_then_die)
        with pytest.raises(Kill):
            hearing.ingest(DAY)
    hearing.take_in()
    assert_all_in_archive(home, warehouse, 1)


def test_a_new_file_at_the_place_of_one_whose_move_was_cut_short_harms_neither(
    home, warehouse, hearing, kill
):
    path = write_call(home.drop, DAY, seed=1)
    first = path.read_bytes()
    hearing.scan()
    kill(RecordingArchive, "take", after=True)
    with pytest.raises(Kill):
        hearing.ingest(DAY)
    kill.revive()
    write_call(home.drop, DAY, seed=2)
    set_mtime(path, "2025-03-15 10:00")
    second = path.read_bytes()
    hearing.take_in()
    assert_all_in_archive(home, warehouse, 2)
    assert {p.read_bytes() for p in files_below(home.archive)} == {first, second}


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_file_changed_after_it_was_decoded_is_not_taken_under_the_old_identity(
    home, warehouse, hearing, monkeypatch, change
):
    path = write_call(home.drop, DAY, seed=1)
    hearing.scan()
    real = ingest_module._sort_out

    def change_meanwhile(*args):
        good = real(*args)
        path.unlink()
        if change == "replaced":
            write_call(home.drop, DAY, seed=2)
            set_mtime(path, "2025-03-15 10:00")
        return good

    monkeypatch.setattr(ingest_module, "_sort_out", change_meanwhile)
    hearing.ingest(DAY)
    assert read_rows(warehouse, tables.recordings) == []
    monkeypatch.undo()
    hearing.take_in()
    assert len(read_rows(warehouse, tables.recordings)) == (1 if change == "replaced" else 0)


# What cannot be read now --------------------------------------------------------------------


def test_a_file_without_permission_stays_is_reported_and_taken_once_it_may_be(
    home, warehouse, hearing, monkeypatch
):
    write_call(home.drop, DAY, "1001", seed=1)
    locked = write_call(home.drop, DAY, "1002", seed=2)
    real = ingest_module.hash_content

    def refuse(path: bytes) -> str:
        if path == os.fsencode(locked):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(ingest_module, "hash_content", refuse)
    (problem,) = hearing.take_in()
    assert "_1002_" in problem
    assert "Permission denied" in problem
    assert locked.is_file()
    assert len(read_rows(warehouse, tables.recordings)) == 1
    monkeypatch.undo()
    assert hearing.take_in() == []
    assert_all_in_archive(home, warehouse, 2)


def test_a_file_that_may_be_read_but_not_moved_stays_and_the_others_are_taken(
    home, warehouse, hearing, monkeypatch
):
    write_call(home.drop, DAY, "1001", seed=1)
    fixed = write_call(home.drop, DAY, "1002", seed=2)
    real = os.replace

    def refuse(source, target):
        if os.fsencode(source) == os.fsencode(fixed):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    (problem,) = hearing.take_in()
    assert "--copy" in problem
    assert len(read_rows(warehouse, tables.recordings)) == 1
    monkeypatch.undo()
    assert hearing.take_in() == []
    assert_all_in_archive(home, warehouse, 2)


def test_a_file_that_breaks_the_decoder_does_not_hold_up_the_day(
    home, warehouse, hearing, monkeypatch
):
    write_call(home.drop, DAY, "1001", seed=1)
    cursed = write_call(home.drop, DAY, "1002", seed=2)
    real = ingest_module.decode_audio

    def decode(path: Path):
        if path == cursed:
            raise ZeroDivisionError("frame rate 0")
        return real(path)

    monkeypatch.setattr(ingest_module, "decode_audio", decode)
    (problem,) = hearing.take_in()
    assert "ZeroDivisionError" in problem
    assert cursed.is_file()
    assert len(read_rows(warehouse, tables.recordings)) == 1


def test_a_file_that_vanished_before_it_was_taken_leaves_no_row_and_may_come_back(
    home, warehouse, hearing
):
    path = write_call(home.drop, DAY)
    content = path.read_bytes()
    hearing.scan()
    path.unlink()
    assert hearing.take_in() == []
    assert read_rows(warehouse, tables.recordings) == []
    path.write_bytes(content)
    hearing.take_in()
    assert len(read_rows(warehouse, tables.recordings)) == 1


def test_links_hidden_files_and_unfinished_copies_are_not_listed(
    home, warehouse, hearing, tmp_path
):
    outside = write_call(tmp_path / "elsewhere", DAY)
    (home.drop / "link.wav").symlink_to(outside)
    (home.drop / "folder").symlink_to(outside.parent)
    for name in (".hidden.wav", "call.wav.part", "call.wav.tmp", "call.wav.filepart"):
        (home.drop / name).write_bytes(b"unfinished")
    (home.drop / ".folder").mkdir()
    write_call(home.drop / ".folder", DAY)
    os.mkfifo(home.drop / "pipe.wav")
    assert hearing.scan_once().listed == 0
    assert read_rows(warehouse, tables.intake) == []
    assert outside.is_file()


def test_a_missing_drop_folder_is_an_error_that_names_it(home, hearing):
    home.drop.rmdir()
    with pytest.raises(DropFolderError, match=r"drop does not exist: create it or set CALLQA_DROP"):
        hearing.scan()


# Metadata that comes beside or later --------------------------------------------------------


def test_a_sidecar_that_comes_while_its_call_is_being_moved_is_applied_at_the_next_look(
    home, warehouse, hearing, kill
):
    path = write_call(home.drop, DAY, name="call.wav")
    set_mtime(path, "2025-03-16 10:00")
    hearing.scan()
    kill(RecordingArchive, "take", after=True)
    with pytest.raises(Kill):
        hearing.ingest("2025-03-16")
    kill.revive()
    (home.drop / "call.json").write_text(json.dumps({"started_at": f"{DAY} 09:00:00"}))
    hearing.take_in()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["day"] == "2025-03-16"
    hearing.take_in()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert (recording["day"], recording["time_source"]) == (DAY, "sidecar")
    assert files_below(home.drop) == []


def test_a_late_sidecar_speaks_of_the_newest_file_of_that_name(home, warehouse, hearing):
    """Platforms use names again: yesterday's call must not move to today's facts."""
    set_mtime(write_call(home.drop, DAY, name="rec.wav", seed=1), "2025-03-13 10:00")
    hearing.take_in()
    set_mtime(write_call(home.drop, DAY, name="rec.wav", seed=2), "2025-03-14 10:00")
    hearing.take_in()
    (home.drop / "rec.json").write_text(json.dumps({"agent_id": "lina"}))
    hearing.take_in()
    by_day = {r["day"]: r for r in read_rows(warehouse, tables.recordings)}
    assert {day: r["agent_id"] for day, r in by_day.items()} == {
        "2025-03-13": None,
        "2025-03-14": "lina",
    }
    beside = (home.root / by_day["2025-03-14"]["archive_path"]).with_suffix(".json")
    assert beside.is_file()


def test_a_sidecar_that_cannot_be_read_now_is_applied_once_it_can(
    home, warehouse, hearing, monkeypatch
):
    write_call(home.drop, DAY)
    (home.drop / f"{DAY.replace('-', '')}-093000_1001_13800138000.json").write_text(
        '{"queue": "vip"}'
    )
    real = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.suffix == ".json":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (note,) = hearing.scan_once().notes
    assert "Permission denied" in note
    hearing.ingest(DAY)
    monkeypatch.undo()
    hearing.take_in()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["queue"] == "vip"


def test_a_late_sidecar_makes_its_day_dirty_even_where_it_tells_nothing_new(
    home, warehouse, hearing
):
    """Else it would lie in the drop folder until something else arrives for the day."""
    write_call(home.drop, DAY, name="call.wav")
    hearing.take_in()
    with warehouse.read() as connection:
        before = read_dirty_days(connection)
    (home.drop / "call.json").write_text("{}")
    hearing.scan()
    with warehouse.read() as connection:
        (day,) = before
        assert read_dirty_days(connection)[day] == before[day] + 1


def test_a_manifest_cannot_speak_of_files_outside_its_folder(home, warehouse, hearing):
    write_call(home.drop, DAY, name="victim.wav", seed=1)
    (home.drop / "sub").mkdir()
    lines = "\n".join(
        f"{file},{DAY} 08:00:00,mallory"
        for file in ("../victim.wav", str(home.drop / "victim.wav"), "..\\victim.wav")
    )
    (home.drop / "sub" / "manifest.csv").write_text(f"file,started_at,agent_id\n{lines}\n")
    found = hearing.scan_once()
    assert sum("points out of its folder" in note for note in found.notes) == 3
    (row,) = (r for r in read_rows(warehouse, tables.intake) if r["kind"] == "audio")
    assert row["metadata"]["call"]["agent_id"] is None


def test_a_manifest_is_read_only_once_it_has_settled(home, warehouse, hearing):
    """It may be cut off in the middle of a row while it is being copied."""
    write_call(home.drop, DAY, name="call.wav")
    now = datetime.now(UTC)
    hearing.scan_once(settle=timedelta(seconds=20), now=now)
    (home.drop / "manifest.csv").write_text(f"file,started_at,agent_id\ncall.wav,{DAY} 08:00:00,li")
    hearing.scan_once(settle=timedelta(seconds=20), now=now + timedelta(seconds=30))
    (row,) = (r for r in read_rows(warehouse, tables.intake) if r["kind"] == "audio")
    assert (row["state"], row["metadata"]["call"]["agent_id"]) == ("stable", None)

    (home.drop / "manifest.csv").write_text(
        f"file,started_at,agent_id\ncall.wav,{DAY} 08:00:00,lina\n"
    )
    for seconds in (60, 90):
        hearing.scan_once(settle=timedelta(seconds=20), now=now + timedelta(seconds=seconds))
    (row,) = (r for r in read_rows(warehouse, tables.intake) if r["kind"] == "audio")
    assert row["metadata"]["call"]["agent_id"] == "lina"


def test_a_sidecar_may_spell_its_suffix_in_capitals(home, warehouse, hearing):
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.JSON").write_text('{"agent_id": "lina"}')
    hearing.take_in()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["agent_id"] == "lina"


def test_metadata_with_zero_bytes_does_not_stop_the_look(home, warehouse, hearing):
    """PostgreSQL's JSON holds no NUL: one such sidecar would fail every look for ever."""
    write_call(home.drop, DAY, name="call.wav")
    (home.drop / "call.json").write_bytes(b'{"agent_id": "li\0na"}\0')
    hearing.take_in()
    (recording,) = read_rows(warehouse, tables.recordings)
    assert recording["agent_id"] == "lina"
    assert "\0" not in json.dumps([r["metadata"] for r in read_rows(warehouse, tables.intake)])


def test_two_looks_at_once_write_every_file_down_once(home, warehouse, hearing):
    for seed in range(5):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    with ThreadPoolExecutor(4) as threads:
        looks = [threads.submit(hearing.scan_once) for _ in range(4)]
    assert sorted(look.result().settled for look in looks) == [0, 0, 0, 5]
    assert [r["state"] for r in read_rows(warehouse, tables.intake)] == ["stable"] * 5
    with warehouse.read() as connection:
        assert read_dirty_days(connection) == {DAY: 1}


def test_a_recording_is_taken_only_after_two_looks(home, warehouse, hearing):
    write_call(home.drop, DAY)
    first = hearing.scan_once(settle=timedelta(seconds=20))
    assert (first.listed, first.settled, first.waiting) == (1, 0, 1)
    hearing.ingest(DAY)
    assert read_rows(warehouse, tables.recordings) == []
