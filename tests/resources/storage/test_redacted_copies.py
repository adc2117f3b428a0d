"""A copy is silent where it should be and is otherwise what the decoder gives."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import soundfile as sf

from callqa_assets.domain.audio.decoding import Encoding, UnreadableAudio
from callqa_assets.domain.speech import Span
from resources.storage.archive import decode_file
from resources.storage.home import REPO
from resources.storage.redacted_copies import write_silenced

SAMPLE = REPO / "data" / "samples" / "calls" / "refund.flac"
SPAN = Span(2.0, 3.5)


@pytest.mark.parametrize("file_format", ["flac", "wav"])
def test_a_copy_of_a_call_is_silent_in_those_seconds_and_identical_elsewhere(tmp_path, file_format):
    before = decode_file(SAMPLE)
    target = tmp_path / "new" / f"copy.{file_format}"
    write_silenced(SAMPLE, None, {0: [SPAN]}, target, file_format)
    after = decode_file(target)
    assert after.sample_rate_hz == before.sample_rate_hz
    assert after.samples.shape == before.samples.shape
    rate = before.sample_rate_hz
    inside = slice(int(SPAN.start_s * rate), int(SPAN.end_s * rate))
    assert np.abs(before.samples[0, inside]).max() > 0.01
    assert not after.samples[0, inside].any()
    expected = before.samples.copy()
    expected[0, inside] = 0
    assert np.array_equal(after.samples, expected)
    assert sf.info(target).subtype == "PCM_16"


@pytest.mark.parametrize(
    ("container", "subtype", "kept"),
    [
        ("WAV", "ALAW", "PCM_16"),
        ("WAV", "ULAW", "PCM_16"),
        ("WAV", "PCM_U8", "PCM_16"),
        ("WAV", "PCM_24", "PCM_24"),
        ("WAV", "FLOAT", "PCM_24"),
        ("OGG", "OPUS", "PCM_24"),
        ("MP3", "MPEG_LAYER_III", "PCM_24"),
    ],
)
@pytest.mark.parametrize("file_format", ["flac", "wav"])
def test_no_sample_of_any_codec_changes_by_more_than_a_step(
    tmp_path, container, subtype, kept, file_format
):
    sound = np.random.default_rng(0).normal(0, 0.1, (16_000, 2))
    source = tmp_path / "source"
    sf.write(source, sound, 8_000, format=container, subtype=subtype)
    before = decode_file(source)
    target = tmp_path / f"copy.{file_format}"
    write_silenced(source, None, {1: [Span(0.5, 1.0)]}, target, file_format)
    after = decode_file(target).samples
    assert sf.info(target).subtype == kept
    assert not after[1, 4_000:8_000].any()
    expected = before.samples.copy()
    expected[1, 4_000:8_000] = 0
    step = 0 if kept == "PCM_16" else 2.0**-23
    assert np.abs(after - expected).max() <= step


def test_sound_without_a_header_is_copied_with_one(tmp_path):
    source = tmp_path / "call.alaw"
    source.write_bytes(bytes(range(256)) * 100)
    encoding = Encoding("alaw", 8_000)
    write_silenced(source, encoding, {0: [Span(1.0, 2.0)]}, tmp_path / "copy.flac", "flac")
    after = decode_file(tmp_path / "copy.flac").samples
    expected = decode_file(source, encoding).samples.copy()
    expected[0, 8_000:16_000] = 0
    assert np.array_equal(after, expected)


def test_a_copy_that_fails_leaves_nothing_and_keeps_the_one_before(tmp_path):
    source, target = tmp_path / "broken", tmp_path / "copy.flac"
    source.write_bytes(b"no sound")
    target.write_bytes(b"the one before")
    with pytest.raises(UnreadableAudio):
        write_silenced(source, None, {}, target, "flac")
    assert target.read_bytes() == b"the one before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "copy.flac"]


def peak_bytes_of_copying(folder, seconds):
    source = folder / f"{seconds}.wav"
    with sf.SoundFile(source, "w", 8_000, 2, subtype="PCM_16") as sound:
        for _ in range(seconds):
            sound.write(np.full((8_000, 2), 1_000, np.int16))
    target = source.with_suffix(".flac")
    tracemalloc.start()
    write_silenced(source, None, {0: [Span(50.0, 60.0)]}, target, "flac")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sf.info(target).frames == seconds * 8_000
    return peak_bytes


def test_memory_does_not_grow_with_the_length_of_a_call(tmp_path):
    peak_bytes_of_copying(tmp_path, 60)  # what is loaded once
    short, long = (peak_bytes_of_copying(tmp_path, seconds) for seconds in (60, 600))
    assert long < 1.2 * short
