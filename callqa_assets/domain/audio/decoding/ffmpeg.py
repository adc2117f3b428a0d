"""Decoding by FFmpeg."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from io import FileIO

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from callqa_assets.domain.audio.decoding.reasons import as_clause
from callqa_assets.domain.audio.decoding.stream import (
    AudioLimits,
    NoSoundError,
    Samples,
    Track,
    UnreadableAudio,
)

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


def open_with_ffmpeg(file: FileIO, resources: ExitStack, limits: AudioLimits) -> Track:
    """Raises NoSoundError where FFmpeg finds no audio, UnreadableAudio in a film without any."""
    try:
        container = resources.enter_context(
            av.open(_NamelessFile(file), "r", options=_FFMPEG_OPTIONS)
        )
    except (FFmpegError, ValueError) as error:
        raise NoSoundError(as_clause(str(error))) from error
    if not container.streams.audio:
        raise UnreadableAudio("no sound track in it, only pictures or data")
    stream = container.streams.audio[0]
    notes: list[str] = []
    track = Track(0, 0, iter(()), notes)
    track.blocks = _read_blocks(container, stream, track, limits)
    return track.begun()


def _read_blocks(
    container: InputContainer, stream: av.AudioStream, track: Track, limits: AudioLimits
) -> Iterator[Samples]:
    """Sets the track's format by its first frame: headers may state another."""
    resampler = av.AudioResampler(format="fltp")
    length = 0
    try:
        for frame in container.decode(stream):
            if length == 0:
                track.sample_rate_hz, track.channels = frame.sample_rate, frame.layout.nb_channels
            elif (frame.sample_rate, frame.layout.nb_channels) != (
                track.sample_rate_hz,
                track.channels,
            ):
                track.notes.append(
                    f"damaged: the format changes after {length / track.sample_rate_hz:.1f} s"
                )
                return
            for planar in resampler.resample(frame):
                length += planar.samples
                yield planar.to_ndarray().astype(np.float32, copy=False)
    except (FFmpegError, ValueError) as error:
        if length == 0:
            raise NoSoundError(as_clause(str(error))) from error
        track.notes.append(
            f"damaged: unreadable after {length / track.sample_rate_hz:.1f} s "
            f"({as_clause(str(error))})"
        )
        return
    if length and container.format.name.split(",")[0] in _FFMPEG_STATES_DURATION:
        seconds, promised_s = length / track.sample_rate_hz, _promised_seconds(container, stream)
        if seconds < promised_s - limits.duration_tolerance_s:
            track.notes.append(f"truncated: {seconds:.1f} of {promised_s:.1f} s are there")


def _promised_seconds(container: InputContainer, stream: av.AudioStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else 0.0
