"""Recordings of kinds that people report: is each heard right, or said to be doubtful?

    python -m benchmarks.accuracy.field_cases [--testdata DIR] [--models DIR] [--music DIR]

makes the recordings from a sample call of the project, takes them through `callqa run`'s path, and
prints a Markdown table for benchmarks/RESULTS.md. With `--music`, a folder of WAV files such as
Debian's `asterisk-moh-opsound-wav` installs, calls begin with eight stretches of each piece.
"""

from __future__ import annotations

import argparse
import io
import struct
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import soundfile as sf
import soxr
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.support.locations import add_locations

SAMPLE_CALL = Path(__file__).parents[2] / "data" / "samples" / "calls" / "refund.flac"
RATE_HZ = 8_000
HOLD_S = 30
HOLD_STARTS_S = (5, 12, 20, 28, 36, 40, 50, 60)

Sound = NDArray[np.float32]
"""8 kHz, [samples] or [samples, channels]."""


@dataclass
class Heard:
    """What the warehouse says about one file."""

    status: str = "missing"
    duration_s: float = 0.0
    channels: int = 0
    reason: str = ""
    text: dict[str, str] = field(default_factory=lambda: defaultdict[str, str](str))
    """By role."""
    languages: set[str] = field(default_factory=set[str])
    rules: set[str] = field(default_factory=set[str])
    """Rules that fired."""
    notes: list[str] = field(default_factory=list[str])

    @property
    def all_text(self) -> str:
        return " ".join(self.text.values())

    @property
    def is_told(self) -> bool:
        """Whether something is said to be doubtful about it."""
        return bool(self.reason or self.notes)


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    """Of the file, after its date and agent."""
    content: bytes
    is_right: Callable[[Heard], bool]


@dataclass(frozen=True)
class Speech:
    """Turns of the sample call."""

    greeting: Sound
    agent: Sound
    complaint: Sound
    """Ends with 退费."""
    thanks: Sound

    @classmethod
    def read(cls) -> Speech:
        agent, customer = _turns(0), _turns(1)
        gap = silence(0.6)
        return cls(
            agent[0],
            np.concatenate([agent[0], gap, agent[1], gap, agent[4], gap]),
            np.concatenate([customer[0], silence(0.3), customer[1]]),
            customer[-1],
        )

    @property
    def call(self) -> Sound:
        return np.concatenate([self.greeting, silence(0.6), self.complaint])


def _turns(channel: int) -> list[Sound]:
    sound: Sound = sf.read(SAMPLE_CALL, dtype="float32")[0][:, channel].astype(np.float32)
    loud = np.convolve(np.abs(sound), np.ones(4000) / 4000, "same") > 0.004
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int)))
    return [sound[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def noise(samples: int, dbfs: float) -> Sound:
    level = 10 ** (dbfs / 20)
    return (np.random.default_rng(samples).standard_normal(samples) * level).astype(np.float32)


# Files --------------------------------------------------------------------------------------


def by_sndfile(sound: Sound, container: str, codec: str, rate_hz: int = RATE_HZ) -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, sound, rate_hz, format=container, subtype=codec)
    return buffer.getvalue()


def wav(sound: Sound, codec: str = "PCM_16", rate_hz: int = RATE_HZ) -> bytes:
    return by_sndfile(sound, "WAV", codec, rate_hz)


def by_ffmpeg(tracks: list[Sound], container: str, codec: str, rate_hz: int = RATE_HZ) -> bytes:
    """Mono tracks, each a stream of its own."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        streams = [
            cast(av.AudioStream, out.add_stream(codec, rate=rate_hz, layout="mono")) for _ in tracks
        ]
        for stream, sound in zip(streams, tracks, strict=True):
            resampler = av.AudioResampler(stream.format, "mono", rate_hz)
            for start in range(0, len(sound), 960):
                part = np.clip(sound[start : start + 960], -1, 1)
                pcm = (part * 32767).astype(np.int16)[None]
                frame = av.AudioFrame.from_ndarray(pcm, "s16", "mono")
                frame.sample_rate, frame.pts = RATE_HZ, start
                frame.time_base = Fraction(1, RATE_HZ)
                for piece in resampler.resample(frame):
                    out.mux(stream.encode(piece))
            for piece in (*resampler.resample(None), None):
                out.mux(stream.encode(piece))
    return buffer.getvalue()


CODECS: dict[str, Callable[[Sound], bytes]] = {
    "wav": wav,
    "alaw.wav": lambda sound: wav(sound, "ALAW"),
    "mp3": lambda sound: by_sndfile(sound, "MP3", "MPEG_LAYER_III"),
    "vorbis.ogg": lambda sound: by_sndfile(sound, "OGG", "VORBIS"),
    "opus.ogg": lambda sound: by_sndfile(sound, "OGG", "OPUS"),
    "flac": lambda sound: by_sndfile(sound, "FLAC", "PCM_16"),
    "au": lambda sound: by_sndfile(sound, "AU", "PCM_16"),
    "aac": lambda sound: by_ffmpeg([sound], "adts", "aac"),
}
if "libopencore_amrnb" in av.codecs_available:
    CODECS["amr"] = lambda sound: by_ffmpeg([sound], "amr", "libopencore_amrnb")


# Cases --------------------------------------------------------------------------------------


def _is_the_call(heard: Heard) -> bool:
    return heard.languages == {"zh"} and "refund_asked" in heard.rules


def _has_no_text(heard: Heard) -> bool:
    return heard.status == "ok" and not heard.all_text.strip()


def hold_music(speech: Speech, music: Path | None) -> Iterator[Case]:
    telephone = [name for name in ("alaw.wav", "amr", "mp3", "wav") if name in CODECS]
    for number, path in enumerate(sorted(music.glob("*.wav")) if music else []):
        piece, rate_hz = sf.read(path, dtype="float32")
        sound = soxr.resample(piece, rate_hz, RATE_HZ)
        for count, start_s in enumerate(HOLD_STARTS_S):
            start = start_s * RATE_HZ % max(1, len(sound) - HOLD_S * RATE_HZ)
            hold = sound[start : start + HOLD_S * RATE_HZ]
            codec = telephone[(number + count) % len(telephone)]
            content = CODECS[codec](np.concatenate([hold, speech.call]))
            yield Case(
                "music on hold, then Chinese", f"m{number}-{start_s}.{codec}", content, _is_the_call
            )


def tune(seconds: float, harmonics: list[float]) -> Sound:
    """Notes of 0.3 s of a major scale."""
    rng = np.random.default_rng(4)
    scale_hz = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    at_s = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    envelope = np.minimum(1, np.minimum(at_s / 0.01, (at_s[-1] - at_s) / 0.03))
    notes = [
        sum(
            share * np.sin(2 * np.pi * pitch_hz * (number + 1) * at_s)
            for number, share in enumerate(harmonics)
        )
        * envelope
        for pitch_hz in rng.choice(scale_hz, round(seconds / 0.3))
    ]
    return (0.15 * np.concatenate(notes)).astype(np.float32)


def tunes(speech: Speech) -> Iterator[Case]:
    shapes = {"sine": [1.0], "organ": [1, 0.5, 0.4, 0.25], "square": [1, 0, 1 / 3, 0, 0.2]}
    for name, harmonics in shapes.items():
        sound = tune(18, harmonics)
        yield Case("a tune, nobody speaks", f"tune-{name}.wav", wav(sound), _has_no_text)
        content = wav(np.concatenate([sound, speech.call]))
        yield Case("a tune, then Chinese", f"tune-call-{name}.wav", content, _is_the_call)


def tones(speech: Speech) -> Iterator[Case]:
    """Ring-back, busy and fax tones: Hz, seconds on and off, times."""
    kinds = {
        "ring-cn": ((450,), 1.0, 4.0, 3),
        "ring-us": ((440, 480), 2.0, 4.0, 2),
        "ring-uk": ((400, 450), 0.4, 0.2, 8),
        "busy": ((450,), 0.35, 0.35, 8),
        "fax": ((1100,), 0.5, 3.0, 3),
    }
    for name, (lines_hz, on_s, off_s, times) in kinds.items():
        at_s = np.arange(round(on_s * RATE_HZ)) / RATE_HZ
        on = np.mean([0.2 * np.sin(2 * np.pi * hz * at_s) for hz in lines_hz], axis=0)
        sound = np.tile(np.concatenate([on.astype(np.float32), silence(off_s)]), times)
        sound += noise(len(sound), -60)
        yield Case("tones, nobody speaks", f"{name}.wav", wav(sound), _has_no_text)
        content = wav(np.concatenate([sound, speech.call]))
        yield Case("a tone, then Chinese", f"call-{name}.wav", content, _is_the_call)


def both_channels(speech: Speech) -> Iterator[Case]:
    said = speech.agent
    copies = {
        "same": said,
        "scaled": said * 0.5,
        "inverted": -said,
        "delayed": np.concatenate([silence(0.005), said])[: len(said)],
        "noisy": said * 0.7 + noise(len(said), -62),
    }
    for name, copy in copies.items():
        content = wav(np.stack([said, copy.astype(np.float32)], axis=1))
        yield Case(
            "mono saved as stereo",
            f"dual-{name}.wav",
            content,
            lambda heard: heard.is_told and set(heard.text) == {"mixed"},
        )
    quiet = silence(0.6)
    left = np.concatenate([said, quiet, np.zeros_like(speech.thanks)])
    own = np.concatenate([np.zeros_like(said), quiet, speech.thanks])
    for attenuation_db in (-15, -20, -26, -30):
        for delay_s in (0.0, 0.008, 0.04):
            leak = np.concatenate([silence(delay_s), left])[: len(left)]
            right = own + leak * 10 ** (attenuation_db / 20) + noise(len(left), -64)
            yield Case(
                "crosstalk",
                f"crosstalk{attenuation_db}-{round(delay_s * 1000)}ms.wav",
                wav(np.stack([left, right.astype(np.float32)], axis=1), "ULAW"),
                lambda heard: (
                    "谢" in heard.text["customer"]
                    and not any(word in heard.text["customer"] for word in ("客服", "退费", "申请"))
                ),
            )


def joined(speech: Speech) -> Iterator[Case]:
    seconds = (len(speech.greeting) + len(speech.complaint)) / RATE_HZ

    def is_whole_or_told(heard: Heard) -> bool:
        whole = abs(heard.duration_s - seconds) < 0.35 and "退费" in heard.all_text
        return heard.status == "ok" and (whole or heard.is_told)

    junk = np.random.default_rng(5).integers(0, 256, 3000, np.uint8).tobytes()
    for codec, encode in CODECS.items():
        first, second = encode(speech.greeting), encode(speech.complaint)
        yield Case("joined by cat", f"joined.{codec}", first + second, is_whole_or_told)
        content = first + junk + second
        yield Case("joined, junk between", f"junk.{codec}", content, is_whole_or_told)
    wide = soxr.resample(speech.complaint, RATE_HZ, 16_000)
    content = wav(speech.greeting) + wav(wide, rate_hz=16_000)
    yield Case("joined by cat", "joined-rates.wav", content, is_whole_or_told)


def headers(speech: Speech) -> Iterator[Case]:
    seconds = len(speech.call) / RATE_HZ

    def is_whole(heard: Heard) -> bool:
        return abs(heard.duration_s - seconds) < 0.3 and "退费" in heard.all_text

    for codec in ("PCM_16", "ULAW", "ALAW"):
        content = wav(speech.call, codec)
        at = content.index(b"data") + 4
        sizes = {"zero": (0, 0), "stale": (at + 16_000, 16_000), "unknown": (2**32 - 1, 2**32 - 1)}
        for name, (riff_size, size) in sizes.items():
            made = bytearray(content)
            made[4:8] = struct.pack("<I", riff_size)
            made[at : at + 4] = struct.pack("<I", size)
            yield Case("header never finished", f"{name}-{codec}.wav", bytes(made), is_whole)
    tracks = [
        np.concatenate([speech.greeting, np.zeros_like(speech.complaint)]),
        np.concatenate([np.zeros_like(speech.greeting), speech.complaint]),
    ]
    for container, extension in (("ipod", "m4a"), ("matroska", "mkv"), ("mp4", "mp4")):
        content = by_ffmpeg(tracks, container, "aac", 16_000)
        yield Case(
            "two sound tracks",
            f"tracks.{extension}",
            content,
            lambda heard: heard.channels == 2 and "退费" in heard.all_text,
        )
    pcm = (np.clip(speech.call, -1, 1) * 32767).astype("<i2").tobytes()
    raw = {"sln": pcm}
    for extension, codec in (("alaw", "ALAW"), ("ulaw", "ULAW")):
        raw[extension] = by_sndfile(speech.call, "RAW", codec)
    for extension, content in raw.items():
        yield Case("headerless", f"raw.{extension}", content, is_whole)


def two_languages(speech: Speech, testdata: Path) -> Iterator[Case]:
    path = testdata / "calls" / "en_auto_repairs_40.flac"
    recorded, rate_hz = sf.read(path, dtype="float32")
    sound = soxr.resample(recorded[: 60 * rate_hz, 0], rate_hz, RATE_HZ)
    start = int(np.flatnonzero(np.abs(sound) > 0.05)[0])
    english = sound[start : start + 9 * RATE_HZ]
    pause = silence(0.15)
    for name, parts in (
        ("en-zh", [english, pause, speech.call]),
        ("zh-en", [speech.call, pause, english]),
    ):
        yield Case(
            "two languages",
            f"{name}.wav",
            wav(np.concatenate(parts)),
            lambda heard: any("language" in note for note in heard.notes),
        )


# Running ------------------------------------------------------------------------------------


def run(cases: list[Case], models: Path, folder: Path) -> list[Heard]:
    """Take the cases through a fresh home; one result for each."""
    from callqa_assets.cli.headless import process_drop_folder
    from callqa_assets.cli.home_setup import prepare_home
    from callqa_assets.warehouse.tables import alerts, recordings, stage_notes, transcripts
    from resources.settings import Settings

    drop = folder / "drop"
    drop.mkdir()
    names: list[str] = []
    for number, case in enumerate(cases):
        names.append(f"20250401-{number // 60 % 60:02d}{number % 60:02d}00_1001_{case.name}")
        (drop / names[-1]).write_bytes(case.content)
    settings = Settings.from_environment(
        {"CALLQA_MODELS": str(models)}, home=folder / "home", drop=drop
    )
    prepare_home(settings, switch=False)
    process_drop_folder(settings, lambda *_: None, copy=True)
    heard: dict[str, Heard] = defaultdict(Heard)
    with settings.open_warehouse().read() as connection:
        of_id = dict[str, Heard]()
        for row in connection.execute(sa.select(recordings)):
            found = Heard(row.status, row.duration_s, row.channels, row.reason or "")
            of_id[row.recording_id] = heard[row.source_name] = found
        for row in connection.execute(sa.select(transcripts).order_by(transcripts.c.start_s)):
            if row.text:
                of_id[row.recording_id].text[row.role] += row.text
                of_id[row.recording_id].languages.add(row.language)
        for row in connection.execute(sa.select(alerts).where(alerts.c.superseded_at.is_(None))):
            of_id[row.recording_id].rules.add(row.rule)
        for row in connection.execute(sa.select(stage_notes)):
            of_id[row.recording_id].notes.append(row.note)
    return [heard[name] for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_locations(parser)
    parser.add_argument("--music", type=Path, help="Folder of WAV files with music on hold.")
    arguments = parser.parse_args()
    speech = Speech.read()
    cases = [
        *hold_music(speech, arguments.music),
        *tunes(speech),
        *tones(speech),
        *both_channels(speech),
        *joined(speech),
        *headers(speech),
        *two_languages(speech, Path(arguments.testdata)),
    ]
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        results = run(cases, Path(arguments.models), Path(folder))
    wrong: dict[str, list[str]] = {case.group: [] for case in cases}
    for case, heard in zip(cases, results, strict=True):
        if not case.is_right(heard):
            wrong[case.group].append(case.name)
    print("| kind | right | not right |\n|---|---:|---|")
    for group, names in wrong.items():
        count = sum(case.group == group for case in cases)
        print(f"| {group} | {count - len(names)} of {count} | {', '.join(names) or '–'} |")


if __name__ == "__main__":
    main()
