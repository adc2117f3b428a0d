"""Audio files to sample arrays: decoding and splitting into channels.

Nothing here knows calls, storage or models. Only a file's content counts: it is passed in open,
without a name.
"""

from __future__ import annotations

from contextlib import ExitStack
from io import FileIO

from callqa_assets.domain.audio.decoding.containers import name_container
from callqa_assets.domain.audio.decoding.ffmpeg import open_with_ffmpeg
from callqa_assets.domain.audio.decoding.sndfile import open_with_sndfile
from callqa_assets.domain.audio.decoding.stream import (
    LIMITS,
    AudioLimits,
    AudioStream,
    DecodedAudio,
    NoSoundError,
    Samples,
    UnreadableAudio,
)
from callqa_assets.domain.audio.resampling import to_16k

__all__ = [
    "LIMITS",
    "AudioLimits",
    "AudioStream",
    "DecodedAudio",
    "Samples",
    "UnreadableAudio",
    "decode_audio",
    "open_audio",
    "to_16k",
]


def open_audio(file: FileIO, limits: AudioLimits = LIMITS) -> AudioStream:
    """Open one audio file as a stream of blocks: `with open_audio(file) as stream: …`.

    `file` is open for reading, unbuffered and seekable, and stays the caller's to close.

    A truncated or damaged file gives the audio before the damage, and a note.

    Raises:
        UnreadableAudio: the content cannot be used, now or later; also while it is read.
        OSError: the file cannot be read; its content may be good.
    """
    refusals: list[str] = []
    for open_track in (open_with_sndfile, open_with_ffmpeg):
        file.seek(0)
        with ExitStack() as resources:
            try:
                track = open_track(file, resources, limits)
            except NoSoundError as refusal:
                refusals.append(str(refusal))
                continue
            return AudioStream.open(track, limits, resources)
    file.seek(0)
    container = name_container(file.read(16))
    if container is None:
        raise UnreadableAudio("not audio: the content is in no known sound format")
    raise UnreadableAudio(
        f"corrupt {container}: {'; '.join(refusals)}. Copy it again from the phone platform"
    )


def decode_audio(file: FileIO, limits: AudioLimits = LIMITS) -> DecodedAudio:
    """The whole of `open_audio` in one array, for files that are known to be short."""
    with open_audio(file, limits) as stream:
        return stream.read_all()
