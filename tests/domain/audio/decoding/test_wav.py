"""A WAV is heard as it was meant, whatever its header says, or refused with the reason."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from callqa_assets.domain.audio.decoding import DecodedAudio, UnreadableAudio, decode_audio
from tests.domain.audio.decoding.codec_files import strongest_hz, tone, write_sndfile

PCM = (tone(8000) * 32767).astype("<i2").tobytes()
LIST = b"LIST" + struct.pack("<I", 12) + b"INFOISFT" + bytes(4)


def wav(
    data: bytes = PCM,
    *,
    tag: int = 1,
    bits: int = 16,
    block_bytes: int | None = None,
    stated: int | None = None,
    riff: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A mono file at 8 kHz; `stated` is the size that the header gives the sound."""
    block = (bits + 7) // 8 if block_bytes is None else block_bytes
    form = struct.pack("<HHIIHH", tag, 1, 8000, 8000 * block, block, bits)
    size = len(data) if stated is None else stated
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + before
    body += b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def decode(content: bytes, tmp_path: Path) -> DecodedAudio:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        return decode_audio(file)


def reason_of(content: bytes, tmp_path: Path) -> str:
    with pytest.raises(UnreadableAudio) as refusal:
        decode(content, tmp_path)
    return refusal.value.reason


@pytest.mark.parametrize("stated", [0, 8000], ids=["never written", "of its last update"])
@pytest.mark.parametrize(("tag", "bits"), [(1, 16), (6, 8), (7, 8)])
def test_the_sound_behind_an_unfinished_header_is_read_with_a_note(
    tag: int, bits: int, stated: int, tmp_path: Path
) -> None:
    subtype = {1: "PCM_16", 6: "ALAW", 7: "ULAW"}[tag]
    whole = write_sndfile("WAV", subtype)
    data = whole[whole.index(b"data") + 8 :]
    decoded = decode(wav(data, tag=tag, bits=bits, stated=stated, riff=stated), tmp_path)
    assert decoded.duration_s == pytest.approx(2.0, abs=0.01)
    assert strongest_hz(decoded.samples[0], 8000) == pytest.approx(300, abs=2)
    (note,) = decoded.notes
    assert note.startswith("unfinished header: ")


@pytest.mark.parametrize(
    ("container", "before", "width"),
    [("AU", b".snd\0\0\0\x18", 4), ("AIFF", b"SSND", 4), ("CAF", b"data", 8)],
)
def test_an_unfinished_header_of_other_containers_is_read_with_a_note(
    container: str, before: bytes, width: int, tmp_path: Path
) -> None:
    raw = bytearray(write_sndfile(container, "PCM_16"))
    size_at = raw.index(before) + len(before)
    raw[size_at : size_at + width] = bytes(width)
    decoded = decode(bytes(raw), tmp_path)
    assert decoded.duration_s == pytest.approx(2.0, abs=0.01)
    assert strongest_hz(decoded.samples[0], 8000) == pytest.approx(300, abs=2)
    assert decoded.notes[0].startswith("unfinished header: ")


def test_chunks_after_the_sound_are_no_sound(tmp_path: Path) -> None:
    many = LIST + b"id3 " + struct.pack("<I", 5) + b"ID3\x03\0\0" + b"cue " + bytes(4)
    decoded = decode(wav(after=many), tmp_path)
    assert (decoded.duration_s, decoded.notes) == (2.0, ())
    for stated in (0, 8000):
        assert decode(wav(stated=stated, after=LIST), tmp_path).duration_s == 2.0


def test_a_recording_without_sound_has_none_in_its_chunks(tmp_path: Path) -> None:
    assert reason_of(wav(b"", after=LIST * 2000), tmp_path).startswith("too short: 0.0 ms")


@pytest.mark.parametrize(
    "junk", [b"<html>not sound</html>\n" * 2000, bytes(40_000), bytes(300)], ids=len
)
def test_text_and_zeros_after_the_sound_are_left_out_with_a_note(
    junk: bytes, tmp_path: Path
) -> None:
    decoded = decode(wav(after=junk), tmp_path)
    assert decoded.duration_s == 2.0
    assert len(decoded.notes) <= 1


def test_a_chunk_of_odd_size_without_its_pad_byte_is_passed(tmp_path: Path) -> None:
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx"
    for pad in (b"", b"\0"):
        assert decode(wav(before=odd + pad), tmp_path).duration_s == 2.0


@pytest.mark.parametrize(
    ("tag", "bits", "block_bytes"),
    [
        *((tag, 16, 2) for tag in (0x02, 0x11, 0x22, 0x31, 0x42, 0x50, 0x55, 0x83, 0x161, 0x7777)),
        (1, 1, 1),
        (1, 7, 1),
        (1, 0, 2),
        (1, 33, 5),
        (1, 64, 8),
        (3, 16, 2),
        (6, 16, 2),
    ],
)
def test_a_header_that_cannot_be_true_is_refused_and_never_heard_as_noise(
    tag: int, bits: int, block_bytes: int, tmp_path: Path
) -> None:
    reason = reason_of(wav(tag=tag, bits=bits, block_bytes=block_bytes), tmp_path)
    assert reason.startswith("WAV ")
    assert "export the call as PCM or G.711" in reason


@pytest.mark.parametrize("bits", [12, 16])
def test_samples_of_12_bits_lie_in_the_upper_ones(bits: int, tmp_path: Path) -> None:
    decoded = decode(wav(bits=bits), tmp_path)
    assert np.abs(decoded.samples).max() == pytest.approx(0.4, abs=0.01)
    assert strongest_hz(decoded.samples[0], 8000) == pytest.approx(300, abs=2)


@pytest.mark.parametrize("block_bytes", [0, 1])
def test_a_wrong_block_size_of_plain_pcm_does_no_harm(block_bytes: int, tmp_path: Path) -> None:
    assert decode(wav(block_bytes=block_bytes), tmp_path).duration_s == 2.0


def test_a_file_of_nothing_but_chunks_is_refused_soon(tmp_path: Path) -> None:
    content = b"RIFF\xff\xff\xff\x7fWAVE" + b"LIST\0\0\0\0" * 50_000
    assert reason_of(content, tmp_path).startswith("corrupt WAV: it")
