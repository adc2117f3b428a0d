"""Recordings that were joined are read whole, or what is left out is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from callqa_assets.domain.audio.decoding import DecodedAudio, decode_audio
from tests.domain.audio.decoding.codec_files import strongest_hz, write_ffmpeg, write_sndfile

OTHER_HZ = 700
JUNK = np.random.default_rng(0).bytes(3000)

SNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "alaw": ("WAV", "ALAW"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "ULAW"),
    "caf": ("CAF", "PCM_16"),
    "sphere": ("NIST", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
FFMPEG = {
    "amr": ("amr", "libopencore_amrnb", 8000, 12_200),
    "aac": ("adts", "aac", 16_000),
    "m4a": ("mp4", "aac", 16_000),
    "3gp": ("3gp", "libopencore_amrnb", 8000, 12_200),
    "mkv": ("matroska", "pcm_s16le", 8000),
    "webm": ("webm", "libopus", 48_000),
    "avi": ("avi", "pcm_s16le", 8000),
    "flv": ("flv", "libmp3lame", 44_100),
    "ts": ("mpegts", "aac", 16_000),
    "mp3_with_id3": ("mp3", "libmp3lame", 8000),
}


def write(kind: str, tone_hz: int) -> bytes:
    if kind in SNDFILE:
        return write_sndfile(*SNDFILE[kind], tone_hz=tone_hz)
    return write_ffmpeg(*FFMPEG[kind], tones_hz=(tone_hz,))


def decode(content: bytes, tmp_path: Path) -> DecodedAudio:
    path = tmp_path / "call"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as file:
        return decode_audio(file)


def second_hz(decoded: DecodedAudio) -> float:
    """The tone between 2.5 and 3.5 s: in the middle of the second recording."""
    rate_hz = decoded.sample_rate_hz
    return strongest_hz(decoded.samples[0, round(2.5 * rate_hz) : round(3.5 * rate_hz)], rate_hz)


@pytest.mark.parametrize("between", [b"", JUNK], ids=["", "junk"])
@pytest.mark.parametrize("kind", [*SNDFILE, *FFMPEG])
def test_two_joined_recordings_are_read_both(kind: str, between: bytes, tmp_path: Path) -> None:
    decoded = decode(write(kind, 300) + between + write(kind, OTHER_HZ), tmp_path)
    assert decoded.duration_s == pytest.approx(4.0, abs=0.3)
    assert second_hz(decoded) == pytest.approx(OTHER_HZ, abs=5)


@pytest.mark.parametrize("kind", [*SNDFILE])
def test_junk_after_the_sound_is_not_heard(kind: str, tmp_path: Path) -> None:
    junk = np.random.default_rng(0).bytes(20_000)
    decoded = decode(write(kind, 300) + junk, tmp_path)
    assert decoded.duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    "kind", ["wav", "sphere", "vorbis", "amr", "mp3", "aac", "m4a", "3gp", "mkv", "webm", "avi"]
)
def test_bytes_that_are_left_out_are_noted(kind: str, tmp_path: Path) -> None:
    junk = np.random.default_rng(0).bytes(20_000)
    assert decode(write(kind, 300), tmp_path).notes == ()
    assert decode(write(kind, 300) + junk, tmp_path).notes != ()


def test_a_part_at_another_rate_is_resampled_with_a_note(tmp_path: Path) -> None:
    wide = write_sndfile("WAV", "PCM_16", 16_000, tone_hz=OTHER_HZ)
    decoded = decode(write("wav", 300) + wide, tmp_path)
    assert decoded.duration_s == pytest.approx(4.0, abs=0.01)
    assert second_hz(decoded) == pytest.approx(OTHER_HZ, abs=5)
    assert "sound after 2.0 s has 16000 Hz: resampled" in decoded.notes


def test_a_part_with_other_channels_is_left_out_with_a_note(tmp_path: Path) -> None:
    stereo = write_sndfile("WAV", "PCM_16", channels=2)
    decoded = decode(write("wav", 300) + stereo, tmp_path)
    assert decoded.duration_s == 2.0
    assert any("2 channels instead of 1" in note for note in decoded.notes)


def test_another_container_after_the_sound_is_noted(tmp_path: Path) -> None:
    decoded = decode(write("wav", 300) + write("flac", 300), tmp_path)
    assert decoded.duration_s == 2.0
    assert any("of FLAC after the sound" in note for note in decoded.notes)


@pytest.mark.parametrize("late_s", [0.0, 1.0])
@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [("mp4", "aac", 16_000), ("matroska", "pcm_s16le", 8000), ("mov", "pcm_s16le", 8000)],
)
def test_two_mono_tracks_are_two_channels_aligned_by_their_start(
    container: str, codec: str, rate_hz: int, late_s: float, tmp_path: Path
) -> None:
    content = write_ffmpeg(container, codec, rate_hz, tones_hz=(300, OTHER_HZ), late_s=late_s)
    decoded = decode(content, tmp_path)
    agent, customer = decoded.samples
    assert decoded.duration_s == pytest.approx(2.0 + late_s, abs=0.1)
    assert strongest_hz(agent, rate_hz) == pytest.approx(300, abs=5)
    assert strongest_hz(customer, rate_hz) == pytest.approx(OTHER_HZ, abs=5)
    assert np.flatnonzero(np.abs(customer) > 0.1)[0] / rate_hz == pytest.approx(late_s, abs=0.1)


def test_streams_of_one_ogg_file_are_not_taken_for_joined_recordings(tmp_path: Path) -> None:
    content = write_ffmpeg("ogg", "flac", 16_000, tones_hz=(300, OTHER_HZ))
    decoded = decode(content, tmp_path)
    assert decoded.duration_s == pytest.approx(2.0, abs=0.1)
    assert not any("recordings in one file" in note for note in decoded.notes)


def test_of_two_stereo_tracks_the_first_is_read_with_a_note(tmp_path: Path) -> None:
    content = write_ffmpeg("mp4", "aac", 16_000, tones_hz=(300, OTHER_HZ), layout="stereo")
    decoded = decode(content, tmp_path)
    assert decoded.samples.shape[0] == 2
    assert strongest_hz(decoded.samples[0], 16_000) == pytest.approx(300, abs=5)
    assert decoded.notes == (
        "1 more sound track not read: export one mono track per speaker, or one track",
    )
