"""Sound without a header, of which only somebody who knows can say what it is.

Telephone platforms write it (Asterisk, Dialogic, voice loggers). Nothing in the bytes tells one
codec from another: read wrongly, they are noise.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from callqa_assets.domain.audio.decoding.ffmpeg import open_with_ffmpeg
from callqa_assets.domain.audio.decoding.stream import (
    AudioLimits,
    Encoding,
    NoSoundError,
    Samples,
    Track,
    UnreadableAudio,
)
from callqa_assets.domain.audio.decoding.window import Window

ADVICE = (
    "if it is headerless telephone sound, say what it is for its source in "
    "configs/call_metadata.yaml, like `decode: {codec: alaw, rate_hz: 8000}`, or name the file "
    ".alaw, .ulaw, .sln, .gsm, .g722, .g729, .vox"
)


@dataclass(frozen=True)
class Codec:
    name: str
    demuxer: str
    """FFmpeg's; empty where there is none for the bare codec."""
    options: Mapping[str, str]
    rates_hz: tuple[int, ...] = ()
    """The only ones that there are; empty: any."""


def _plain(name: str, demuxer: str) -> Codec:
    return Codec(name, demuxer, {"ch_layout": "mono"})


def _g726(bits: int) -> Codec:
    # RFC 3551, 4.5.4: the first sample in the lowest bits.
    return Codec(f"G.726, {8 * bits} kbit/s", "g726le", {"code_size": str(bits)}, (8000,))


CODECS: Mapping[str, Codec] = {
    "alaw": _plain("A-law", "alaw"),
    "ulaw": _plain("mu-law", "mulaw"),
    "s16le": _plain("16-bit PCM, little-endian", "s16le"),
    "s16be": _plain("16-bit PCM, big-endian", "s16be"),
    "s8": _plain("8-bit PCM, signed", "s8"),
    "u8": _plain("8-bit PCM, unsigned", "u8"),
    "gsm": Codec("GSM 06.10", "gsm", {}, (8000,)),
    "g722": Codec("G.722", "g722", {}, (16_000,)),
    "g723_1": Codec("G.723.1", "g723_1", {}, (8000,)),
    "g726-16": _g726(2),
    "g726-24": _g726(3),
    "g726-32": _g726(4),
    "g726-40": _g726(5),
    "g729": Codec("G.729", "g729", {}, (8000,)),
    "vox": Codec("Dialogic ADPCM", "", {}),
}

EXTENSIONS: Mapping[str, Encoding] = {
    **dict.fromkeys(("alaw", "al", "pcma"), Encoding("alaw", 8000)),
    **dict.fromkeys(("ulaw", "ul", "mulaw", "pcmu"), Encoding("ulaw", 8000)),
    **dict.fromkeys(("sln", "slin"), Encoding("s16le", 8000)),
    **{f"sln{khz}": Encoding("s16le", khz * 1000) for khz in (8, 12, 16, 24, 32, 48)},
    "sln44": Encoding("s16le", 44_100),
    "gsm": Encoding("gsm", 8000),
    "g722": Encoding("g722", 16_000),
    **dict.fromkeys(("g723", "g723_1"), Encoding("g723_1", 8000)),
    "g726": Encoding("g726-32", 8000),
    **{f"g726-{kbit}": Encoding(f"g726-{kbit}", 8000) for kbit in (16, 24, 32, 40)},
    "g729": Encoding("g729", 8000),
    "vox": Encoding("vox", 8000),
}
"""What a file's extension says: Asterisk's names, and the usual ones. `.raw` and `.pcm` say
nothing."""

_OTHER_FILES = re.compile(
    rb"%PDF|PK\x03\x04|\x89PNG|GIF8|\xff\xd8\xff|\x1f\x8b|\x7fELF|Rar!|7z\xbc\xaf|BZh|\xd0\xcf\x11\xe0"
)
_TEXT = frozenset(string.printable.encode())
_BLOCK_BYTES = 4096


def encoding_of(name: str) -> Encoding | None:
    """What a file's name says about sound without a header; None where it says nothing."""
    return EXTENSIONS.get(name.rpartition(".")[2].lower()) if "." in name else None


def open_headerless(
    window: Window, encoding: Encoding, head: bytes, resources: ExitStack, limits: AudioLimits
) -> Track:
    """Raises UnreadableAudio where it cannot be sound of this kind."""
    if _OTHER_FILES.match(head) or _TEXT.issuperset(head):
        raise UnreadableAudio("not audio: the content is text or another kind of file")
    codec = CODECS[encoding.codec]
    try:
        if codec.demuxer:
            options = dict(codec.options)
            if not codec.rates_hz:
                options["sample_rate"] = str(encoding.rate_hz)
            track = open_with_ffmpeg(window, codec.demuxer, resources, limits, options)
        else:
            notes: list[str] = []
            blocks = _read_vox(window)
            track = Track(encoding.rate_hz, 1, blocks, notes).begun()
    except NoSoundError as refusal:
        raise UnreadableAudio(
            f"no {codec.name} at {encoding.rate_hz} Hz, as its name or its source says: {refusal}"
        ) from refusal
    track.notes.append(f"no header: read as {codec.name} at {track.sample_rate_hz} Hz")
    return track


def _read_vox(window: Window) -> Iterator[Samples]:
    decoder: Any = av.CodecContext.create("adpcm_ima_oki", "r")
    decoder.sample_rate = 8000  # asked for, not used
    decoder.layout = "mono"
    window.seek(0)
    while data := window.read(_BLOCK_BYTES):
        for frame in decoder.decode(av.Packet(data)):
            yield frame.to_ndarray().astype(np.float32).reshape(1, -1) / 2**15
    window.raise_read_error()
