"""A recording's file is opened, decoded and stored: what is no sound says so, nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from callqa_assets.domain.audio.decoding import UnreadableAudio
from resources.storage import archive
from resources.storage.archive import RecordingArchive, decode_file
from resources.storage.hashing import hash_content
from resources.storage.home import Home
from resources.storage.regular_files import ChangedFile

RELATIVE = "archive/3f/3f00.wav"


def reason_of(path: Path) -> str:
    with pytest.raises(UnreadableAudio) as refusal:
        decode_file(path)
    return refusal.value.reason


def test_an_audio_file_is_decoded(tmp_path: Path):
    sf.write(tmp_path / "call.wav", np.zeros((800, 2)), 8_000)
    assert decode_file(tmp_path / "call.wav").samples.shape == (2, 800)


def test_an_empty_file_says_where_to_get_it_again(tmp_path: Path):
    path = tmp_path / "call.wav"
    path.touch()
    assert reason_of(path) == "the file is empty: copy it again from the phone platform"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path):
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    assert reason_of(path) == "not a regular file"


def test_a_missing_file_is_no_unreadable_audio(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        decode_file(tmp_path / "gone.wav")


def test_what_a_killed_process_left_of_its_copy_is_removed_by_the_next(home: Home):
    source, target = home.drop / "call.wav", home.root / RELATIVE
    source.write_bytes(b"sound")
    target.parent.mkdir(parents=True)
    (target.parent / f"{target.name}.0123.part").write_bytes(b"sou")
    (target.parent / "3f01.wav.0123.part").write_bytes(b"another's")
    RecordingArchive(home).store(os.fsencode(source), RELATIVE, copy=True)
    assert sorted(p.name for p in target.parent.iterdir()) == ["3f00.wav", "3f01.wav.0123.part"]
    assert (source.read_bytes(), target.read_bytes()) == (b"sound", b"sound")


def test_a_copy_has_the_holes_of_its_original(home: Home):
    source, target = home.drop / "call.wav", home.root / RELATIVE
    content = b"sound" + bytes(10 << 20) + b"sound" + bytes(3 << 20)
    with source.open("wb") as file:
        for start in range(0, len(content), 4096):
            block = content[start : start + 4096]
            if any(block):
                file.seek(start)
                file.write(block)
        file.truncate(len(content))
    RecordingArchive(home).store(os.fsencode(source), RELATIVE, copy=True)
    assert target.read_bytes() == content
    assert target.stat().st_blocks * 512 < 4 << 20


def test_a_file_of_another_version_is_not_archived(home: Home):
    source = home.drop / "call.wav"
    source.write_bytes(b"sound")
    for copy in (False, True):
        with pytest.raises(ChangedFile):
            RecordingArchive(home).store(os.fsencode(source), RELATIVE, copy=copy, version=(5, 1))
    assert source.is_file()
    assert not (home.root / RELATIVE).exists()


def test_a_link_is_not_archived(home: Home):
    outside = home.root / "outside.wav"
    outside.write_bytes(b"sound")
    (home.drop / "call.wav").symlink_to(outside)
    for copy in (False, True):
        with pytest.raises(ChangedFile):
            RecordingArchive(home).store(
                os.fsencode(home.drop / "call.wav"), RELATIVE, copy=copy, version=None
            )
    assert not (home.root / RELATIVE).exists()


def test_a_file_that_is_written_to_while_it_is_copied_is_not_archived(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    source, target = home.drop / "call.wav", home.root / RELATIVE
    source.write_bytes(b"sound")
    real = archive._copy_with_holes

    def grow_meanwhile(reader, writer):
        real(reader, writer)
        source.write_bytes(b"sound and more")

    monkeypatch.setattr(archive, "_copy_with_holes", grow_meanwhile)
    with pytest.raises(ChangedFile):
        RecordingArchive(home).store(os.fsencode(source), RELATIVE, copy=True)
    assert list(target.parent.iterdir()) == []


def test_the_hash_of_content_is_its_sha256(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_content(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
