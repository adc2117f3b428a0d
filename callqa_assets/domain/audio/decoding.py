"""Audio files to sample arrays: decoding, splitting into channels, resampling.

Nothing here knows calls, storage or models. Only a file's content counts: it is passed in open,
without a name.
"""

from __future__ import annotations

import os
import re
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from io import FileIO
from typing import cast

import av
import numpy as np
import soundfile as sf  # pyright: ignore[reportMissingTypeStubs]
import soxr  # pyright: ignore[reportMissingTypeStubs]
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class AudioLimits:
    """What a recording must be like; anything else is refused with a reason."""

    min_rate_hz: int = 8_000
    max_rate_hz: int = 48_000
    max_channels: int = 8
    min_duration_s: float = 0.025
    """One analysis window: FSMN-VAD divides by zero on less."""
    max_decoded_bytes: int = 2 << 30
    """2 GiB of float32 hold 9 h of stereo at 8 kHz; a few bytes of FLAC can decode to far more."""
    duration_tolerance_s: float = 0.2
    """Encoder delay and last frames: lossy files this much short of their header are complete."""


LIMITS = AudioLimits()


@dataclass(frozen=True)
class DecodedAudio:
    samples: Samples
    """Shape [channels, n], float32 in [-1, 1], C-contiguous."""
    sample_rate_hz: int
    notes: tuple[str, ...] = ()
    """Defects of a file that is usable nevertheless, for people to read."""

    @property
    def duration_s(self) -> float:
        return self.samples.shape[1] / self.sample_rate_hz


class UnreadableAudio(Exception):  # noqa: N818 - the file is unreadable, nothing failed
    """A file that no stage can use; `reason` states the cause and, where there is one, the cure."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_audio(file: FileIO, limits: AudioLimits = LIMITS) -> DecodedAudio:
    """Decode one audio file: by libsndfile, else by FFmpeg.

    `file` is open for reading, unbuffered and seekable: libsndfile reads from its descriptor.

    A truncated or damaged file gives the audio before the damage, and a note. An MP3 without a
    Xing/Info header does not state its length, so that a truncation goes unnoticed.

    Raises:
        UnreadableAudio: the content cannot be used, now or later.
        OSError: the file cannot be read; its content may be good.
    """
    refusals: list[str] = []
    for decode in (_decode_with_sndfile, _decode_with_ffmpeg):
        file.seek(0)
        try:
            return decode(file, limits)
        except _NoSoundError as refusal:
            refusals.append(str(refusal))
    file.seek(0)
    container = _container_name(file.read(16))
    if container is None:
        raise UnreadableAudio("not audio: the content is in no known sound format")
    raise UnreadableAudio(
        f"corrupt {container}: {'; '.join(refusals)}. Copy it again from the phone platform"
    )


def to_16k(samples: Samples, sample_rate_hz: int) -> list[Samples]:
    """Split into channels and resample each separately to 16 kHz; channels are never mixed.

    `samples` has shape [channels, n]; each result has shape [n'], float32 in [-1, 1], contiguous.
    """
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return [np.ascontiguousarray(channel) for channel in samples]
    resampled = (
        soxr.resample(channel, sample_rate_hz, SAMPLE_RATE_HZ, quality="HQ") for channel in samples
    )
    return [np.clip(channel, -1, 1).astype(np.float32, copy=False) for channel in resampled]


class _NoSoundError(Exception):
    """This decoder found no audio in the file; the next one may."""


@dataclass
class _Decoding:
    """Audio read so far, checked block by block: a header with wrong sizes costs no memory."""

    sample_rate_hz: int
    channels: int
    limits: AudioLimits
    notes: list[str] = field(default_factory=list[str])
    _blocks: deque[Samples] = field(default_factory=deque[Samples])
    _length: int = 0

    def __post_init__(self) -> None:
        limits = self.limits
        if not 1 <= self.channels <= limits.max_channels:
            raise UnreadableAudio(
                f"{self.channels} channels: at most {limits.max_channels} are read; "
                "export one track per speaker"
            )
        if not limits.min_rate_hz <= self.sample_rate_hz <= limits.max_rate_hz:
            raise UnreadableAudio(
                f"sample rate {self.sample_rate_hz} Hz is outside {limits.min_rate_hz} to "
                f"{limits.max_rate_hz} Hz: export the call at 8, 16 or 48 kHz"
            )

    @property
    def length(self) -> int:
        return self._length

    @property
    def seconds(self) -> float:
        return self._length / self.sample_rate_hz

    def add(self, block: Samples) -> None:
        """Append `block`, shape [channels, n]."""
        if not np.isfinite(block).all():
            raise UnreadableAudio(
                f"NaN or infinite samples near {self.seconds:.1f} s: export the call as integer PCM"
            )
        self._length += block.shape[1]
        if self._length * self.channels * 4 > self.limits.max_decoded_bytes:
            raise UnreadableAudio(
                f"longer than {self.seconds:.0f} s: more than "
                f"{self.limits.max_decoded_bytes >> 20} MiB of sound; split the recording"
            )
        self._blocks.append(block)

    def finish(self, *, note_clipping: bool) -> DecodedAudio:
        if self.seconds < self.limits.min_duration_s:
            raise UnreadableAudio(
                f"too short: {self.seconds * 1000:.1f} ms of sound, at least "
                f"{self.limits.min_duration_s * 1000:.0f} ms are needed"
                + "".join(f"; {note}" for note in self.notes)
            )
        samples = np.empty((self.channels, self._length), np.float32)
        start = 0
        while self._blocks:  # each block is freed once copied: the peak stays near one copy
            block = self._blocks.popleft()
            samples[:, start : start + block.shape[1]] = block
            start += block.shape[1]
        peak = max(float(samples.max()), -float(samples.min()))
        if peak > 1:
            # Lossy decoders always overshoot a little; in float PCM the export is at fault.
            if note_clipping:
                self.notes.append(f"clipped: float samples reach {peak:.2f}, beyond 1")
            np.clip(samples, -1, 1, out=samples)
        return DecodedAudio(samples, self.sample_rate_hz, tuple(self.notes))


# libsndfile ---------------------------------------------------------------------------------

_SNDFILE_FORMATS = frozenset(
    ("WAV", "WAVEX", "RF64", "W64", "NIST", "AIFF", "AU", "FLAC", "OGG", "MP3", "CAF")
)
"""Other formats that it opens (instrument banks, MATLAB arrays) are not recordings of calls."""

_READ_FRAMES = 1024
"""A read that fails loses its whole block: kept small."""

_DATA_CUT = re.compile(
    r"^\W*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
"""libsndfile's log line for a chunk whose header states another size than the file has."""

_UNKNOWN_SIZE_BYTES = 0x7FFF_0000
"""Streaming recorders write 0x7FFFFFFF or 0xFFFFFFFF for 'not known yet': nothing is missing."""


def _decode_with_sndfile(file: FileIO, limits: AudioLimits) -> DecodedAudio:
    """Raises _NoSoundError where libsndfile finds no audio."""
    head = file.read(4096)
    file.seek(0)
    try:
        # A descriptor, not a name: libsndfile would infer a raw format from an extension. It
        # closes the descriptor even where it refuses the file.
        sound = sf.SoundFile(os.dup(file.fileno()))
    except sf.LibsndfileError as error:
        raise _NoSoundError(_clause(error.error_string)) from error
    with closing(sound):
        if sound.format not in _SNDFILE_FORMATS:
            raise _NoSoundError(f"{sound.format} is no format for calls")
        decoding = _Decoding(sound.samplerate, sound.channels, limits)
        try:
            while len(block := sound.read(_READ_FRAMES, dtype="float32", always_2d=True)):
                decoding.add(cast(Samples, block).T)
        except sf.LibsndfileError as error:
            if decoding.length == 0:
                raise _NoSoundError(_clause(error.error_string)) from error
            decoding.notes.append(
                f"damaged: unreadable after {decoding.seconds:.1f} s "
                f"({_clause(error.error_string)})"
            )
        if decoding.length == 0 and sound.format in ("OGG", "MP3", "FLAC"):
            raise _NoSoundError("no sound in it")
        if not decoding.notes and (promise := _broken_promise(sound, head, file, decoding)):
            decoding.notes.append(promise)
        return decoding.finish(note_clipping=sound.subtype in ("FLOAT", "DOUBLE"))


def _broken_promise(
    sound: sf.SoundFile, head: bytes, file: FileIO, decoding: _Decoding
) -> str | None:
    """A note where the file holds less audio than its header states."""
    promised_s = 0.0
    if sound.format in ("FLAC", "MP3"):
        promised_s = sound.frames / sound.samplerate
        if sound.format == "MP3":
            promised_s -= decoding.limits.duration_tolerance_s
    elif sound.format == "NIST":
        count = re.search(rb"sample_count -i (\d+)", head)
        promised_s = int(count[1]) / sound.samplerate if count else 0.0
    elif sound.format == "OGG":
        if not _ogg_is_complete(file):
            return f"truncated: the end after {decoding.seconds:.1f} s is missing"
    elif cut := _DATA_CUT.search(sound.extra_info):
        promised, present = int(cut[1]), int(cut[2])
        if present < promised < _UNKNOWN_SIZE_BYTES:
            return f"truncated: {present} of {promised} bytes of sound are there"
    if decoding.seconds < promised_s:
        return f"truncated: {decoding.seconds:.1f} of {promised_s:.1f} s are there"
    return None


def _ogg_is_complete(file: FileIO) -> bool:
    """Whether the last page is complete and has the end-of-stream flag (RFC 3533)."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65_307))  # the largest page
    tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return False
    lacing = tail[page + 27 : page + 27 + tail[page + 26]]
    return bool(tail[page + 5] & 4) and len(tail) >= page + 27 + len(lacing) + sum(lacing)


# FFmpeg -------------------------------------------------------------------------------------

_FFMPEG_OPTIONS = {
    # Playlists and scripts would make FFmpeg open other files and addresses: no such demuxer, and
    # no protocol for those that follow references.
    "format_whitelist": "aac,amr,asf,caf,flac,matroska,mov,mp3,ogg,wav",
    "protocol_whitelist": "none",
}

_FFMPEG_STATES_DURATION = ("mov", "matroska", "asf", "caf", "wav")
"""Demuxers that read the duration from a header; the others estimate it from the bit rate."""


class _NamelessFile:
    """A file as FFmpeg may use it: without a name, for it would infer a raw format from an
    extension. Seeking outside the file, as corrupt headers ask for, returns -1 and raises nothing.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, OverflowError):
            return -1


def _decode_with_ffmpeg(file: FileIO, limits: AudioLimits) -> DecodedAudio:
    """Raises _NoSoundError where FFmpeg finds no audio."""
    try:
        container = av.open(_NamelessFile(file), "r", options=_FFMPEG_OPTIONS)
    except (FFmpegError, ValueError) as error:
        raise _NoSoundError(_clause(str(error))) from error
    with container:
        if not container.streams.audio:
            raise UnreadableAudio("no sound track in it, only pictures or data")
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        decoding: _Decoding | None = None
        try:
            for frame in container.decode(stream):
                shape = (frame.sample_rate, frame.layout.nb_channels)
                if decoding is None:
                    decoding = _Decoding(*shape, limits)
                elif shape != (decoding.sample_rate_hz, decoding.channels):
                    decoding.notes.append(
                        f"damaged: the format changes after {decoding.seconds:.1f} s"
                    )
                    break
                for planar in resampler.resample(frame):
                    decoding.add(planar.to_ndarray().astype(np.float32, copy=False))
        except (FFmpegError, ValueError) as error:
            if decoding is None or decoding.length == 0:
                raise _NoSoundError(_clause(str(error))) from error
            decoding.notes.append(
                f"damaged: unreadable after {decoding.seconds:.1f} s ({_clause(str(error))})"
            )
        if decoding is None or decoding.length == 0:
            raise _NoSoundError("no sound in it")
        if container.format.name.split(",")[0] in _FFMPEG_STATES_DURATION:
            promised_s = _promised_seconds(container, stream)
            if not decoding.notes and decoding.seconds < promised_s - limits.duration_tolerance_s:
                decoding.notes.append(
                    f"truncated: {decoding.seconds:.1f} of {promised_s:.1f} s are there"
                )
        return decoding.finish(note_clipping=False)


def _promised_seconds(container: InputContainer, stream: av.AudioStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else 0.0


# Reasons ------------------------------------------------------------------------------------


def _clause(message: str) -> str:
    """A library's error message as a clause: one line, without prefix, file or full stop."""
    line = " ".join(message.replace("Error :", "").split())
    return re.sub(r"^\[Errno \d+\] |: '[^']*'$", "", line).rstrip(".").strip() or "unknown error"


def _container_name(head: bytes) -> str | None:
    """The container format by the first 16 bytes; None where it is unknown."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] in (b"WAVE", b""):
        return "WAV"
    if head[4:8] == b"ftyp":
        return "MP4"
    magics = {b"fLaC": "FLAC", b"OggS": "Ogg", b"NIST": "SPHERE", b"FORM": "AIFF", b"ID3": "MP3"}
    magics |= {b".snd": "AU", b"caff": "CAF", b"riff": "W64", b"\x1a\x45\xdf\xa3": "Matroska"}
    magics |= {b"#!AMR": "AMR", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"\xff\xe3": "MP3"}
    return next((name for magic, name in magics.items() if head.startswith(magic)), None)
