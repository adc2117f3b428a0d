"""Every file is either sound that models may process or a reason that people can act on."""

from __future__ import annotations

import errno
import os
import struct
from io import FileIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callqa_assets.domain.audio.decoding import (
    LIMITS,
    AudioLimits,
    DecodedAudio,
    UnreadableAudio,
    decode_audio,
    open_audio,
    to_16k,
)

RATE_HZ = 8_000


def tones(seconds: float = 1.0, rate_hz: int = RATE_HZ, channels: int = 2) -> np.ndarray:
    """[n, channels]: 300 Hz on the first channel, 600 Hz on the second, and so on."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.stack(
        [0.4 * np.sin(2 * np.pi * 300 * (c + 1) * t) for c in range(channels)], axis=1
    ).astype(np.float32)


def write_with_ffmpeg(
    path: Path,
    codec: str,
    container: str,
    rate_hz: int = RATE_HZ,
    options: dict[str, str] | None = None,
    seconds: float = 2.0,
) -> Path:
    pcm = (tones(seconds, rate_hz) * 32767).astype(np.int16)
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="stereo")
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = rate_hz, 0
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="stereo", rate=rate_hz
        )
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return path


SNDFILE_FORMATS = {
    "pcm16.wav": ("WAV", "PCM_16"),
    "pcm8.wav": ("WAV", "PCM_U8"),
    "pcm24.wav": ("WAV", "PCM_24"),
    "float.wav": ("WAV", "FLOAT"),
    "ulaw.wav": ("WAV", "ULAW"),
    "alaw.wav": ("WAV", "ALAW"),
    "call.flac": ("FLAC", "PCM_16"),
    "call.mp3": ("MP3", "MPEG_LAYER_III"),
    "vorbis.ogg": ("OGG", "VORBIS"),
    "opus.ogg": ("OGG", "OPUS"),
    "call.sph": ("NIST", "PCM_16"),
    "call.aiff": ("AIFF", "PCM_16"),
}
FFMPEG_FORMATS = {
    "call.m4a": ("aac", "mp4", 8_000),
    "call.webm": ("libopus", "webm", 48_000),
    "call.aac": ("aac", "adts", 16_000),
}


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One two-channel file of 2 s in every format, by name."""
    folder = tmp_path_factory.mktemp("sounds")
    for name, (container, subtype) in SNDFILE_FORMATS.items():
        sf.write(folder / name, tones(2.0), RATE_HZ, format=container, subtype=subtype)
    for name, (codec, container, rate_hz) in FFMPEG_FORMATS.items():
        write_with_ffmpeg(folder / name, codec, container, rate_hz)
    return {name: folder / name for name in (*SNDFILE_FORMATS, *FFMPEG_FORMATS)}


ALL_FORMATS = (*SNDFILE_FORMATS, *FFMPEG_FORMATS)


def strongest_hz(channel: np.ndarray, rate_hz: int) -> float:
    return float(np.abs(np.fft.rfft(channel)).argmax() * rate_hz / len(channel))


def decode(path: Path, limits: AudioLimits = LIMITS) -> DecodedAudio:
    with path.open("rb", buffering=0) as file:
        return decode_audio(file, limits)


def reason_of(path: Path, limits: AudioLimits = LIMITS) -> str:
    with pytest.raises(UnreadableAudio) as refusal:
        decode(path, limits)
    return refusal.value.reason


def assert_usable(decoded: DecodedAudio) -> None:
    limits = AudioLimits()
    assert decoded.samples.dtype == np.float32
    assert decoded.samples.flags.c_contiguous
    assert 1 <= decoded.samples.shape[0] <= limits.max_channels
    assert limits.min_rate_hz <= decoded.sample_rate_hz <= limits.max_rate_hz
    assert decoded.duration_s >= limits.min_duration_s
    assert np.abs(decoded.samples).max() <= 1  # false for NaN as well


@pytest.mark.parametrize("name", ALL_FORMATS)
def test_every_format_is_decoded_in_full_with_its_channels_apart(
    sound_files: dict[str, Path], name: str
) -> None:
    decoded = decode(sound_files[name])
    assert_usable(decoded)
    assert decoded.notes == ()
    assert decoded.duration_s == pytest.approx(2.0, abs=0.15)
    left, right = decoded.samples
    middle = slice(decoded.sample_rate_hz // 2, -decoded.sample_rate_hz // 2)
    assert strongest_hz(left[middle], decoded.sample_rate_hz) == pytest.approx(300, abs=5)
    assert strongest_hz(right[middle], decoded.sample_rate_hz) == pytest.approx(600, abs=5)
    assert np.abs(left).max() == pytest.approx(0.4, rel=0.2)


@pytest.mark.parametrize("name", sorted(set(ALL_FORMATS) - {"call.m4a", "call.aac"}))
def test_a_truncated_file_gives_what_is_there_and_a_note(
    sound_files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    raw = sound_files[name].read_bytes()
    long = tmp_path / "long"
    if name in SNDFILE_FORMATS:  # Ogg pages last a second or more: cut something longer
        container, subtype = SNDFILE_FORMATS[name]
        noise = np.random.default_rng(0).normal(0, 0.1, (6 * RATE_HZ, 2))
        sf.write(long, noise, RATE_HZ, format=container, subtype=subtype)
        raw = long.read_bytes()
    whole_s = 6.0 if name in SNDFILE_FORMATS else 2.0
    cut = tmp_path / "cut"
    cut.write_bytes(raw[: len(raw) * 6 // 10])
    decoded = decode(cut)
    assert_usable(decoded)
    assert 0.3 * whole_s < decoded.duration_s < 0.7 * whole_s
    assert len(decoded.notes) == 1
    assert decoded.notes[0].startswith(("truncated: ", "damaged: "))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("missing", [1, 30])
def test_an_ogg_file_that_lacks_its_last_bytes_is_noted(
    tmp_path: Path, subtype: str, missing: int
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (6 * RATE_HZ, 2))
    whole, cut = tmp_path / "whole.ogg", tmp_path / "cut.ogg"
    sf.write(whole, noise, RATE_HZ, format="OGG", subtype=subtype)
    assert decode(whole).notes == ()
    cut.write_bytes(whole.read_bytes()[:-missing])
    (note,) = decode(cut).notes
    assert note.startswith(("truncated: the end after ", "damaged: "))


def test_a_cut_m4a_without_its_index_is_refused_as_corrupt(
    sound_files: dict[str, Path], tmp_path: Path
) -> None:
    raw = sound_files["call.m4a"].read_bytes()
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(raw[: len(raw) * 6 // 10])
    assert reason_of(cut).startswith("corrupt MP4: ")


def test_a_stream_that_never_said_how_long_it_is_lacks_nothing(tmp_path: Path) -> None:
    path = write_with_ffmpeg(tmp_path / "live.webm", "libopus", "webm", 48_000, {"live": "1"}, 0.5)
    decoded = decode(path)
    assert decoded.duration_s == pytest.approx(0.5, abs=0.05)
    assert decoded.notes == ()


def test_the_content_decides_not_the_name(sound_files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("call.flac", "call.m4a"):
        for lie in ("call.raw", "call.wav", "call.gsm", "call.txt", "call"):
            path = tmp_path / lie
            path.write_bytes(sound_files[name].read_bytes())
            assert_usable(decode(path))


def test_a_name_that_is_not_utf8_is_read(sound_files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("pcm16.wav", "call.m4a"):
        path = tmp_path / os.fsdecode(b"\xff\xfe\n\xe5.wav")
        path.write_bytes(sound_files[name].read_bytes())
        assert_usable(decode(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not audio"),
        (b"not a sound\n" * 500, "not audio"),
        (bytes(5000), "not audio"),
        (b"%PDF-1.4\n" + bytes(range(256)) * 20, "not audio"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "not audio"),
        (b"RIFF", "corrupt WAV: "),
        (b"fLaC" + bytes(100), "corrupt FLAC: "),
        (b"OggS" + bytes(100), "corrupt Ogg: "),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(100), "corrupt MP3: "),
        (b"\xff\xfb" + bytes(100), "corrupt MP3: "),
        (b"\xff\xf3" + bytes(100), "corrupt MP3: "),
        (b"\xff\xe3" + bytes(100), "corrupt MP3: "),
        (b"RIFF" + bytes(4) + b"WAVE" + bytes(100), "corrupt WAV: "),
        (b"RF64" + bytes(4) + b"WAVE" + bytes(100), "corrupt WAV: "),
        (b"RIFF" + bytes(4) + b"AVI " + bytes(100), "not audio"),
        (bytes(4) + b"ftyp" + bytes(100), "corrupt MP4: "),
        (b"NIST" + bytes(100), "corrupt SPHERE: "),
        (b"FORM" + bytes(100), "corrupt AIFF: "),
        (b".snd" + bytes(100), "corrupt AU: "),
        (b"caff" + bytes(100), "corrupt CAF: "),
        (b"riff" + bytes(100), "corrupt W64: "),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "corrupt Matroska: "),
        (b"#!AMR" + bytes(100), "corrupt AMR: "),
    ],
)
def test_what_is_not_audio_is_refused_with_its_cause(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    assert reason_of(path).startswith(reason)


def test_ffmpeg_follows_no_playlist_to_other_files(
    sound_files: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    path.write_text(f"ffconcat version 1.0\nfile '{sound_files['pcm16.wav']}'\n")
    assert reason_of(path).startswith("not audio")


def test_less_than_25_ms_is_too_short_and_25_ms_is_not(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    sf.write(path, tones(0.010), RATE_HZ)
    assert reason_of(path) == "too short: 10.0 ms of sound, at least 25 ms are needed"
    sf.write(path, tones(0.025), RATE_HZ)
    assert decode(path).samples.shape == (2, 200)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "told"), [(198, 8_000, "24.8"), (1197, 48_000, "24.9")]
)
def test_how_short_is_told_to_the_tenth_of_a_millisecond(
    tmp_path: Path, samples: int, rate_hz: int, told: str
) -> None:
    path = tmp_path / "short.wav"
    sf.write(path, np.zeros(samples), rate_hz)
    assert reason_of(path).startswith(f"too short: {told} ms of sound")


def test_a_file_of_nothing_but_a_header_is_too_short(tmp_path: Path) -> None:
    path = tmp_path / "header.wav"
    sf.write(path, tones(0), RATE_HZ)
    assert reason_of(path).startswith("too short: 0.0 ms")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_are_refused(tmp_path: Path, bad: float) -> None:
    samples = tones()
    samples[7000, 1] = bad
    path = tmp_path / "nan.wav"
    sf.write(path, samples, RATE_HZ, subtype="FLOAT")
    assert "NaN or infinite samples" in reason_of(path)


def test_float_samples_beyond_one_are_clipped_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    sf.write(path, tones() * 5, RATE_HZ, subtype="FLOAT")
    decoded = decode(path)
    assert decoded.samples.max() == 1
    assert decoded.samples.min() == -1
    assert decoded.notes == ("clipped: float samples reach 2.00, beyond 1",)


def test_the_default_limits_are_those_that_the_manual_names() -> None:
    assert (
        AudioLimits(
            min_rate_hz=8_000,
            max_rate_hz=48_000,
            max_channels=8,
            min_duration_s=0.025,
            max_decoded_bytes=2 * 1024**3,
            duration_tolerance_s=0.2,
        )
        == LIMITS
    )


def test_sound_that_unpacks_to_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.wav"
    sf.write(path, tones(1.0), RATE_HZ)
    exact = 16_000 * 2 * 4
    assert decode(path, AudioLimits(max_decoded_bytes=exact)).duration_s == 1.0
    assert reason_of(path, AudioLimits(max_decoded_bytes=exact - 1)).startswith("longer than 1 s")


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_rates_of_8_and_48_khz_are_read(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "rate.wav"
    sf.write(path, tones(rate_hz=rate_hz), rate_hz)
    assert decode(path).sample_rate_hz == rate_hz


@pytest.mark.parametrize("rate_hz", [4_000, 7_999, 48_001, 96_000])
def test_a_rate_outside_8_to_48_khz_is_refused(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "rate.wav"
    sf.write(path, tones(rate_hz=rate_hz), rate_hz)
    assert reason_of(path).startswith(f"sample rate {rate_hz} Hz is outside 8000 to 48000 Hz")


def test_eight_channels_are_read_and_nine_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.wav"
    sf.write(path, tones(channels=8), RATE_HZ)
    assert decode(path).samples.shape == (8, RATE_HZ)
    sf.write(path, tones(channels=9), RATE_HZ)
    assert reason_of(path).startswith("9 channels: at most 8")


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=10, width=16, height=16, pix_fmt="yuv420p")
        output.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        output.mux(stream.encode(None))
    assert reason_of(path).startswith("no sound track in it")


def wav_header(data_bytes: int, channels: int = 1, rate_hz: int = RATE_HZ) -> bytes:
    """RIFF header of 16-bit PCM that promises `data_bytes` of sound."""
    block = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * block, block, 16)
    riff = (data_bytes + 36) & 0xFFFFFFFF
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + (b"data" + struct.pack("<I", data_bytes))
    )


def test_a_wav_that_promises_gigabytes_gives_the_kilobyte_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "liar.wav"
    path.write_bytes(wav_header(2_000_000_000) + bytes(1000))
    decoded = decode(path)
    assert decoded.samples.shape == (1, 500)
    assert decoded.notes == ("truncated: 1000 of 2000000000 bytes of sound are there",)


@pytest.mark.parametrize("unknown", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_streaming_recorders_unknown_size_is_no_damage(tmp_path: Path, unknown: int) -> None:
    path = tmp_path / "stream.wav"
    path.write_bytes(wav_header(unknown) + bytes(1000))
    decoded = decode(path)
    assert decoded.samples.shape == (1, 500)
    assert decoded.notes == ()


def test_a_flac_that_promises_an_absurd_length_gives_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "liar.flac"
    sf.write(path, tones(), RATE_HZ)
    raw = bytearray(path.read_bytes())
    raw[21] |= 0x0F  # STREAMINFO: the upper 4 of the 36 bits of the total sample count
    path.write_bytes(raw)
    decoded = decode(path)
    assert decoded.duration_s == pytest.approx(1.0, abs=0.13)  # the block that fails is lost
    assert len(decoded.notes) == 1


def test_a_header_with_no_channels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    path.write_bytes(wav_header(1000, channels=0) + bytes(1000))
    assert reason_of(path).startswith("corrupt WAV: ")


def test_audio_that_decodes_to_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    sf.write(path, np.zeros((100_000, 2), np.float32), RATE_HZ)
    assert path.stat().st_size < 10_000
    reason = reason_of(path, AudioLimits(max_decoded_bytes=768_000))
    assert reason.startswith("longer than 6 s")


def test_memory_does_not_grow_with_what_a_file_unpacks_to(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    with sf.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as bomb:
        for _ in range(40):
            bomb.write(np.zeros(100 * RATE_HZ, np.int16))
    longest = 0
    with path.open("rb", buffering=0) as file, open_audio(file) as stream:
        for block in stream:
            longest = max(longest, block.shape[1])
    assert stream.duration_s == 4000
    assert longest < 2 * RATE_HZ


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_decoding_mp3_writes_nothing_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], rate_hz: int
) -> None:
    noise = (np.random.default_rng(0).normal(0, 0.1, 5 * rate_hz) * 32767).astype(np.int16)
    path = tmp_path / "lame.mp3"
    with av.open(str(path), "w", format="mp3") as output:
        stream = output.add_stream("libmp3lame", rate=rate_hz, layout="mono")
        stream.bit_rate = 16_000
        frame = av.AudioFrame.from_ndarray(noise.reshape(1, -1), format="s16p", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes() + bytes(500) + path.read_bytes()[:-300])
    decode(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ALL_FORMATS)
def test_a_file_that_cannot_be_read_is_not_taken_for_a_damaged_one(
    sound_files: dict[str, Path], name: str
) -> None:
    """A share that is away is no reason to put a recording into the quarantine."""

    class Share(FileIO):
        reads_left = 1

        def read(self, size: int = -1) -> bytes:
            if not self.reads_left:
                raise OSError(errno.EIO, "Input/output error")
            self.reads_left -= 1
            return super().read(size)

    with Share(str(sound_files[name])) as file, pytest.raises(OSError, match="Input/output"):
        decode_audio(file)


def test_refused_files_leave_no_descriptor_open(tmp_path: Path) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(b"RIFF")
    reason_of(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        reason_of(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("name", ALL_FORMATS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_are_refused_or_usable(
    sound_files: dict[str, Path], tmp_path: Path, name: str, data: st.DataObject
) -> None:
    raw = bytearray(sound_files[name].read_bytes())
    del raw[data.draw(st.integers(0, len(raw)), label="cut at") :]
    if raw:
        place = st.one_of(st.integers(0, min(len(raw), 120) - 1), st.integers(0, len(raw) - 1))
        flips = st.lists(st.tuples(place, st.integers(0, 255)), max_size=8)
        for position, byte in data.draw(flips, label="bytes"):
            raw[position] = byte
    path = tmp_path / "damaged"
    path.write_bytes(raw)
    try:
        decoded = decode(path)
    except UnreadableAudio as refusal:
        assert refusal.reason
    else:
        assert_usable(decoded)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "channels", "rate_hz", "seconds"),
    [
        ("stereo.mp3", 2, 8_000, 1.0),
        ("stereo.opus", 2, 8_000, 1.0),
        ("stereo.sph", 2, 8_000, 1.0),
        ("big_buck_bunny_small.mp4", 6, 48_000, 5.3),
    ],
)
def test_real_unusual_containers_are_decoded(
    testdata: Path, name: str, channels: int, rate_hz: int, seconds: float
) -> None:
    decoded = decode(testdata / "formats" / name)
    assert_usable(decoded)
    assert decoded.samples.shape[0] == channels
    assert decoded.sample_rate_hz == rate_hz
    assert decoded.duration_s == pytest.approx(seconds, abs=0.1)
    assert decoded.notes == ()
    assert np.abs(decoded.samples).max() > 0.01


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_channels_reach_16_khz_each_on_its_own(rate_hz: int) -> None:
    samples = np.ascontiguousarray(tones(1.0, rate_hz, channels=3).T)
    samples[1] = 0
    first, silent, third = to_16k(samples, rate_hz)
    for channel in (first, silent, third):
        assert channel.dtype == np.float32
        assert channel.flags.c_contiguous
        assert len(channel) == pytest.approx(16_000, abs=2)
    assert not silent.any()
    assert strongest_hz(first, 16_000) == pytest.approx(300, abs=2)
    assert strongest_hz(third, 16_000) == pytest.approx(900, abs=2)


def test_resampling_a_square_wave_stays_within_one() -> None:
    square = np.sign(np.sin(np.arange(8_000) / 9)).astype(np.float32)[None, :]
    (channel,) = to_16k(square, 8_000)
    assert np.abs(channel).max() == 1
