"""Sound without a header is read as somebody said, and never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from callqa_assets.domain.audio.decoding import (
    DecodedAudio,
    Encoding,
    UnreadableAudio,
    decode_audio,
)
from callqa_assets.domain.audio.decoding.headerless import encoding_of
from tests.domain.audio.decoding.codec_files import write_sndfile

ALAW = Encoding("alaw", 8000)


def decode(content: bytes, tmp_path: Path, encoding: Encoding | None = None) -> DecodedAudio:
    path = tmp_path / "call"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        return decode_audio(file, encoding=encoding)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("a/b.ALAW", ALAW),
        ("call.ul", Encoding("ulaw", 8000)),
        ("call.sln", Encoding("s16le", 8000)),
        ("call.sln16", Encoding("s16le", 16_000)),
        ("call.g726-40", Encoding("g726-40", 8000)),
        ("call.raw", None),
        ("call.pcm", None),
        ("alaw", None),
    ],
)
def test_an_extension_says_what_it_is(name: str, encoding: Encoding | None) -> None:
    assert encoding_of(name) == encoding


def test_a_file_with_a_header_is_read_by_it(tmp_path: Path) -> None:
    wav = write_sndfile("WAV", "PCM_16")
    assert decode(wav, tmp_path, ALAW).notes == ()


def test_what_it_was_read_as_is_told(tmp_path: Path) -> None:
    decoded = decode(bytes(range(256)) * 50, tmp_path, ALAW)
    assert decoded.samples.shape == (1, 12_800)
    assert decoded.notes == ("no header: read as A-law at 8000 Hz",)


def test_without_an_encoding_the_reason_says_how_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match=r"decode: \{codec: alaw, rate_hz: 8000\}"):
        decode(bytes(range(256)) * 50, tmp_path)


@pytest.mark.parametrize("content", [b"a log line\n" * 500, b"%PDF-1.4\n" + bytes(range(256)) * 9])
def test_text_and_documents_are_not_heard(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match="not audio"):
        decode(content, tmp_path, ALAW)


def test_quiet_pcm_is_never_taken_for_mpeg(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        quiet = np.round(rng.normal(0, rng.uniform(0.3, 3), 8000)).astype("<i2").tobytes()
        with pytest.raises(UnreadableAudio, match="not audio"):
            decode(quiet, tmp_path)


@pytest.mark.parametrize("frames", [1, 2])
def test_fewer_than_three_frames_of_mpeg_before_other_bytes_are_an_accident(
    frames: int, tmp_path: Path
) -> None:
    frame = b"\xff\xfb\x90\x64" + bytes(413)
    with pytest.raises(UnreadableAudio):
        decode(frame * frames + bytes([1, 2]) * 50_000, tmp_path)
    sound = frame * frames + bytes([1, 2]) * 50_000
    assert decode(sound, tmp_path, ALAW).notes == ("no header: read as A-law at 8000 Hz",)


def test_silk_is_named_with_the_cure(tmp_path: Path) -> None:
    for magic in (b"#!SILK_V3", b"\x02#!SILK_V3"):
        with pytest.raises(UnreadableAudio, match=r"SILK .*convert it to WAV"):
            decode(magic + bytes(500), tmp_path)
