"""Opening a file: its container, the recordings that were joined in it, a decoder for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import FileIO
from itertools import pairwise

from callqa_assets.domain.audio.decoding import frames, ogg
from callqa_assets.domain.audio.decoding.containers import (
    HEAD_BYTES,
    Container,
    find_starts,
    id3_bytes,
    identify,
    name_damaged,
)
from callqa_assets.domain.audio.decoding.ffmpeg import open_with_ffmpeg
from callqa_assets.domain.audio.decoding.headerless import ADVICE, open_headerless
from callqa_assets.domain.audio.decoding.layouts import open_samples
from callqa_assets.domain.audio.decoding.sndfile import open_with_sndfile
from callqa_assets.domain.audio.decoding.stream import (
    LIMITS,
    AudioLimits,
    AudioStream,
    Encoding,
    NoSoundError,
    Samples,
    Track,
    UnreadableAudio,
)
from callqa_assets.domain.audio.decoding.wav import open_wav
from callqa_assets.domain.audio.decoding.window import Window
from callqa_assets.domain.audio.resampling import resample_blocks

_COPY_AGAIN = "Copy it again from the phone platform"


def open_audio(
    file: FileIO, limits: AudioLimits = LIMITS, encoding: Encoding | None = None
) -> AudioStream:
    """Open one audio file as a stream of blocks: `with open_audio(file) as stream: …`.

    `file` is open for reading, unbuffered and seekable, and stays the caller's to close.
    `encoding` says what it is where it has no header; else it is not used.

    A truncated or damaged file gives the audio before the damage, and a note. Recordings that were
    joined are read one after the other; what is not read is noted.

    Raises:
        UnreadableAudio: the content cannot be used, now or later; also while it is read.
        OSError: the file cannot be read; its content may be good.
    """
    window = Window(file, 0, file.seek(0, os.SEEK_END))
    head = window.read_at(0, HEAD_BYTES)
    container = identify(head)
    if container is None and (tag := id3_bytes(head)):
        # Taggers put ID3 before FLAC and WAV, too.
        window = window.part(min(tag, window.size), window.size)
        container = identify(window.read_at(0, HEAD_BYTES))
    with ExitStack() as resources:
        if container is None:
            track = _open_unknown(window, head, encoding, resources, limits)
        else:
            encoding = None
            track = _open_known(window, container, resources, limits)
        return AudioStream.of(track, limits, resources, encoding)


def _open_unknown(
    window: Window,
    head: bytes,
    encoding: Encoding | None,
    resources: ExitStack,
    limits: AudioLimits,
) -> Track:
    if encoding:
        return open_headerless(window, encoding, head, resources, limits)
    if claimed := name_damaged(head):
        raise UnreadableAudio(f"corrupt {claimed}: its header is damaged. {_COPY_AGAIN}")
    raise UnreadableAudio(f"not audio: the content is in no known sound format; {ADVICE}")


def _open_known(
    window: Window, container: Container, resources: ExitStack, limits: AudioLimits
) -> Track:
    if container.decoder == "none":
        raise UnreadableAudio(
            f"{container.name} (voice messages of WeChat and WeCom) cannot be decoded here: "
            "convert it to WAV with a SILK v3 decoder"
        )
    try:
        return _open_joined(window, container, resources, limits)
    except NoSoundError as refusal:
        raise UnreadableAudio(f"corrupt {container.name}: {refusal}. {_COPY_AGAIN}") from refusal


def _open_joined(
    window: Window, container: Container, resources: ExitStack, limits: AudioLimits
) -> Track:
    starts = list(find_starts(window, container))
    if container.name == "Ogg":
        starts = ogg.merge_groups(window, starts)
    parts = [window.part(*ends) for ends in pairwise((*starts, window.size))]
    first = _open_part(parts[0], container, resources, limits)
    if len(parts) > 1:
        first.notes.append(f"{len(parts)} recordings in one file: read one after the other")
        first.blocks = _chain(first, first.blocks, parts, container, limits)
    return first


def _chain(
    first: Track,
    blocks: Iterator[Samples],
    parts: list[Window],
    container: Container,
    limits: AudioLimits,
) -> Iterator[Samples]:
    """The blocks of all parts, in the rate and channels of the first."""
    length = 0
    for block in blocks:
        length += block.shape[1]
        yield block
    for part in parts[1:]:
        at_s = length / first.sample_rate_hz
        with ExitStack() as resources:
            try:
                track = _open_part(part, container, resources, limits)
                _require_fit(track, first, limits)
                for block in resample_blocks(
                    track.blocks, track.sample_rate_hz, first.sample_rate_hz
                ):
                    length += block.shape[1]
                    yield block
            except (NoSoundError, UnreadableAudio) as refusal:
                first.notes.append(f"{part.size} bytes after {at_s:.1f} s not read: {refusal}")
                continue
            if track.sample_rate_hz != first.sample_rate_hz:
                first.notes.append(
                    f"sound after {at_s:.1f} s has {track.sample_rate_hz} Hz: resampled"
                )
            first.notes += [f"after {at_s:.1f} s: {note}" for note in track.notes]


def _require_fit(track: Track, first: Track, limits: AudioLimits) -> None:
    """Raises UnreadableAudio where a part cannot go on from the first one."""
    if track.channels != first.channels:
        raise UnreadableAudio(
            f"{track.channels} channels instead of {first.channels}; split the file"
        )
    if not limits.min_rate_hz <= track.sample_rate_hz <= limits.max_rate_hz:
        raise UnreadableAudio(f"a sample rate of {track.sample_rate_hz} Hz")


def _open_part(
    window: Window, container: Container, resources: ExitStack, limits: AudioLimits
) -> Track:
    match container.decoder.partition(":"):
        case "ffmpeg", _, demuxer:
            return open_with_ffmpeg(window, demuxer, resources, limits)
        case "wav", _, _:
            return open_wav(window, resources, limits)
        case "amr", _, _:
            return _open_amr(window, resources, limits)
        case "ogg", _, _:
            return _open_ogg(window, resources, limits)
        case "mp3", _, _:
            return _open_mp3(window, resources, limits)
        case _:
            return open_samples(window, container.name, resources)


def _open_ogg(window: Window, resources: ExitStack, limits: AudioLimits) -> Track:
    """By libsndfile, which knows the rate that Opus was recorded at; Speex by FFmpeg."""
    try:
        track = open_with_sndfile(window, resources)
    except NoSoundError:
        track = open_with_ffmpeg(window, "ogg", resources, limits)

    def note(seconds: float) -> None:
        end = ogg.find_end(window)
        if end is None:
            track.notes.append(f"truncated: the end after {seconds:.1f} s is missing")
        elif end < window.size:
            track.notes.append(f"{window.size - end} bytes after the sound are not read")

    return _with_last_note(track, note)


def _open_amr(window: Window, resources: ExitStack, limits: AudioLimits) -> Track:
    """Only as far as frames go: FFmpeg would make noise of what follows."""
    stop = frames.find_amr_end(window)
    track = open_with_ffmpeg(window.part(0, stop), "amr", resources, limits)
    if stop < window.size:
        track.notes.append(f"{window.size - stop} bytes after the sound are not read")
    return track


def _open_mp3(window: Window, resources: ExitStack, limits: AudioLimits) -> Track:
    """By FFmpeg: libsndfile's library floods stderr on MP3 of 8 and 16 kHz."""
    head = window.read_at(0, HEAD_BYTES)
    promised_s = frames.stated_seconds(head[id3_bytes(head) :]) or 0.0
    track = open_with_ffmpeg(window, "mp3", resources, limits)

    def note(seconds: float) -> None:
        if not track.notes and seconds < promised_s - limits.duration_tolerance_s:
            track.notes.append(f"truncated: {seconds:.1f} of {promised_s:.1f} s are there")

    return _with_last_note(track, note)


def _with_last_note(track: Track, note: Callable[[float], None]) -> Track:
    """The track; `note` is called with its length in seconds when all of it was read."""

    def read(blocks: Iterator[Samples]) -> Iterator[Samples]:
        length = 0
        for block in blocks:
            length += block.shape[1]
            yield block
        note(length / track.sample_rate_hz)

    track.blocks = read(track.blocks)
    return track
