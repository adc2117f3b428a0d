"""A file is there whole or not at all, whoever else writes it and whenever the power fails."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.storage.atomic import write_atomically


def test_the_file_appears_at_the_end_of_the_block_in_a_folder_made_for_it(tmp_path: Path):
    path = tmp_path / "new" / "file"
    with write_atomically(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path, error: type):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(error), write_atomically(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_disk_before_its_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "file"
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        synced = Path(f"/proc/self/fd/{handle}").resolve()
        done.append("sync folder" if synced == tmp_path else f"sync {synced.read_bytes().decode()}")
        fsync(handle)

    def note_rename(source: Path, target: Path) -> None:
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    with write_atomically(path) as file:
        file.write(b"content")
    assert done == ["sync content", "rename", "sync folder"]


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path):
    path = tmp_path / "file"

    def write(letter: bytes) -> None:
        with write_atomically(path) as file:
            for _ in range(100):
                file.write(letter * 1_000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [b"a", b"b", b"c", b"d"] * 5))
    assert path.read_bytes() in {letter * 100_000 for letter in (b"a", b"b", b"c", b"d")}
    assert list(tmp_path.iterdir()) == [path]
