"""Which container a file is, by its own bytes, and where recordings that were joined begin.

Nothing is guessed: what has no signature is MPEG audio only where frames follow each other, and
headerless sound is read only where somebody said what it is (`headerless`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from callqa_assets.domain.audio.decoding.frames import ADTS, MPEG_AUDIO, begins_with_frames
from callqa_assets.domain.audio.decoding.window import Window

HEAD_BYTES = 8192
"""Enough for every signature, and for several frames of MPEG audio."""

_CHUNK_BYTES = 1 << 20
_SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class Container:
    """A container, or a bare codec, that is known by its first bytes."""

    name: str
    signature: re.Pattern[bytes]
    """Matches at its first byte; so strict that it does not occur inside sound."""
    decoder: str
    """`wav`, `samples`, `ogg`, `mp3`, `amr`; `ffmpeg:` and the name of FFmpeg's demuxer; `none`
    where it cannot be decoded."""
    needle: bytes = b""
    """Part of the signature that is searched in the rest of the file; empty: files of this kind
    that were joined are read on by the decoder, or not known."""
    needle_at: int = 0


def _signature(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


CONTAINERS = (
    Container("WAV", _signature(rb"(?:RIFF|RIFX|RF64).{4}WAVE"), "wav", b"WAVE", 8),
    Container("AVI", _signature(rb"RIFF.{4}AVI LIST"), "ffmpeg:avi", b"AVI LIST", 8),
    Container(
        "W64",
        _signature(rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"),
        "samples",
        b"riff\x2e\x91\xcf\x11",
    ),
    Container("AIFF", _signature(rb"FORM.{4}AIF[FC]"), "samples", b"AIF", 8),
    Container(
        "AU",
        _signature(rb"\.snd\0\0.{6}\0\0\0[\x01-\x1b]\0[\0\x01].{2}\0\0\0."),
        "samples",
        b".snd",
    ),
    Container("CAF", _signature(rb"caff\0\x01\0.desc"), "samples", b"caff\0\x01"),
    Container("SPHERE", _signature(rb"NIST_1A\n"), "samples", b"NIST_1A\n"),
    Container("FLAC", _signature(rb"fLaC[\0\x80]\0\0\x22"), "ffmpeg:flac", b"fLaC"),
    # The first page of a stream: no granule position yet.
    Container("Ogg", _signature(rb"OggS\0\x02\0{8}"), "ogg", b"OggS\0\x02"),
    Container("AMR", _signature(rb"#!AMR(?:-WB)?\n"), "amr", b"#!AMR"),
    Container("MP4", _signature(rb"\0\0[\0\x01].ftyp[ -~]{4}"), "ffmpeg:mov", b"ftyp", 4),
    Container("QuickTime", _signature(rb".{4}(?:moov|mdat|wide|free|skip)"), "ffmpeg:mov"),
    Container(
        "Matroska",
        _signature(rb"\x1a\x45\xdf\xa3.{1,40}?(?:matroska|webm)"),
        "ffmpeg:matroska",
        b"\x1a\x45\xdf\xa3",
    ),
    Container(
        "ASF",
        _signature(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c"),
        "ffmpeg:asf",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    ),
    Container("FLV", _signature(rb"FLV\x01[\x01\x04\x05]\0\0\0\x09"), "ffmpeg:flv", b"FLV\x01"),
    Container("MPEG-TS", _signature(rb"(?:G.{187}){5}"), "ffmpeg:mpegts"),
    Container("MPEG-PS", _signature(rb"\0\0\x01\xba"), "ffmpeg:mpeg"),
    Container("SILK", _signature(rb"\x02?#!SILK"), "none"),
)
# These are known by their frames; the tag is where another recording was joined.
MP3 = Container("MP3", _signature(rb"ID3[\x02-\x04]\0[\0\x10@\x80][\0-\x7f]{4}"), "mp3", b"ID3")
AAC = Container("AAC", _signature(rb"\xff[\xf0\xf1\xf8\xf9]"), "ffmpeg:aac")


def identify(head: bytes) -> Container | None:
    """The container by the first `HEAD_BYTES` of a file or of a part of one."""
    for container in CONTAINERS:
        if container.signature.match(head):
            return container
    bare = head[id3_bytes(head) :]
    if begins_with_frames(bare, ADTS):
        return AAC
    return MP3 if begins_with_frames(bare, MPEG_AUDIO) else None


def name_damaged(head: bytes) -> str | None:
    """What a file that `identify` does not know claims to be; None where it claims nothing."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] in (b"WAVE", b""):
        return "WAV"
    if head[4:8] == b"ftyp":
        return "MP4"
    magics = {b"fLaC": "FLAC", b"OggS": "Ogg", b"NIST": "SPHERE", b"FORM": "AIFF", b"ID3": "MP3"}
    magics |= {b".snd": "AU", b"caff": "CAF", b"riff": "W64", b"\x1a\x45\xdf\xa3": "Matroska"}
    magics |= {b"#!AMR": "AMR", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"\xff\xe3": "MP3"}
    return next((name for magic, name in magics.items() if head.startswith(magic)), None)


def id3_bytes(head: bytes) -> int:
    """Size of the ID3v2 tag at the start, 0 where there is none (id3.org, ID3v2.4, section 3.1)."""
    if head[:3] != b"ID3" or len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def find_starts(window: Window, container: Container) -> Iterator[int]:
    """Where recordings of this container begin in the window, the first one included."""
    yield 0
    if not container.needle:
        return
    base, kept = 0, b""
    while chunk := window.read_at(base + len(kept), _CHUNK_BYTES):
        buffer = kept + chunk
        found = buffer.find(container.needle)
        while found >= 0:
            start = found - container.needle_at
            # A match too near the end is met again with the next chunk.
            whole = len(buffer) - start >= _SIGNATURE_BYTES or len(chunk) < _CHUNK_BYTES
            inside = start >= 0 and base + start > 0 and whole
            if inside and container.signature.match(buffer, start):
                yield base + start
            found = buffer.find(container.needle, found + 1)
        kept = buffer[-2 * _SIGNATURE_BYTES :]
        base += len(buffer) - len(kept)
