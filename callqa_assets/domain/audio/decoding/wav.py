"""WAV: what its header says, whether that can be true, and decoding by a mended header.

RIFF, RIFX and RF64 (EBU Tech 3306). Codec tags are those of Microsoft's mmreg.h.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from callqa_assets.domain.audio.decoding.containers import HEAD_BYTES
from callqa_assets.domain.audio.decoding.ffmpeg import open_with_ffmpeg
from callqa_assets.domain.audio.decoding.frames import MPEG_AUDIO, begins_with_frames
from callqa_assets.domain.audio.decoding.sndfile import open_with_sndfile
from callqa_assets.domain.audio.decoding.sound_end import find_sound_end
from callqa_assets.domain.audio.decoding.stream import (
    AudioLimits,
    NoSoundError,
    Track,
    UnreadableAudio,
)
from callqa_assets.domain.audio.decoding.window import Window

_PCM, _MS_ADPCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _GSM = 1, 2, 3, 6, 7, 0x11, 0x31
_MP2, _MP3, _EXTENSIBLE = 0x50, 0x55, 0xFFFE
_PLAIN = (_PCM, _FLOAT, _ALAW, _ULAW)
_MAX_CHUNKS = 100_000
_MAX_FORM_BYTES = 1 << 16
_GSM_BLOCK_BYTES = 65
_EXPORT = "export the call as PCM or G.711"

_NAMES = {
    **{_PCM: "PCM", _MS_ADPCM: "MS ADPCM", _FLOAT: "float", _ALAW: "A-law", _ULAW: "mu-law"},
    **{_IMA_ADPCM: "IMA ADPCM", _GSM: "GSM 06.10", _MP2: "MP2", _MP3: "MP3"},
    **{0x14: "G.723.1", 0x22: "TrueSpeech", 0x42: "G.723.1", 0x45: "G.726", 0x64: "G.726"},
    **{0x65: "G.722", 0x83: "G.729", 0x160: "WMA 1", 0x161: "WMA 2", 0x162: "WMA Pro"},
    **{0x163: "WMA lossless", 0x28F: "G.722", 0xA106: "AAC", 0xFF: "AAC"},
}
_NEED_EXTRA_BYTES = {0x22: 2, 0x160: 4, 0x161: 6, 0x162: 18, 0x163: 18}
"""Codecs that cannot be decoded without so many bytes behind the common part of `fmt `."""


@dataclass(frozen=True)
class _Form:
    """The chunk `fmt `."""

    tag: int
    channels: int
    sample_rate_hz: int
    bytes_per_s: int
    block_bytes: int
    bits: int
    raw: bytes

    @property
    def name(self) -> str:
        return _NAMES.get(self.tag, "unknown codec") + f" ({self.tag:#x})"


@dataclass(frozen=True)
class _Header:
    big_endian: bool
    form: _Form
    data_start: int
    data_bytes: int | None
    """As stated; None for 'not known yet'."""


def open_wav(window: Window, resources: ExitStack, limits: AudioLimits) -> Track:
    """Raises NoSoundError, UnreadableAudio where the header contradicts itself."""
    header = _read_header(window)
    form = _check(header.form, window, header.data_start)
    end = find_sound_end(
        window,
        header.data_start,
        header.data_bytes,
        form.bytes_per_s or form.sample_rate_hz,
        big_endian=header.big_endian,
        is_plain=form.tag in _PLAIN,
    )
    mended = window.part(header.data_start, end.stop, _prefix(header, form, end.stop))
    if form.tag in (*_PLAIN, _MS_ADPCM, _IMA_ADPCM, _GSM):
        track = open_with_sndfile(mended, resources)
    else:
        try:
            track = open_with_ffmpeg(mended, "wav", resources, limits)
        except NoSoundError as error:
            raise UnreadableAudio(f"WAV with {form.name}: {error}; {_EXPORT}") from error
    if end.note:
        track.notes.append(end.note)
    return track


def _read_header(window: Window) -> _Header:
    magic = window.read_at(0, 12)[:4]
    order = "big" if magic == b"RIFX" else "little"
    form: _Form | None = None
    long_data: int | None = None
    at = 12
    for _ in range(_MAX_CHUNKS):
        head = window.read_at(at, 8)
        if len(head) < 8:
            break
        name, size = head[:4], int.from_bytes(head[4:], order)
        if name == b"data":
            if form is None:
                raise NoSoundError("the sound comes before its format")
            unknown = size == 0xFFFF_FFFF and magic != b"RF64"
            if magic == b"RF64" and size == 0xFFFF_FFFF:
                size = long_data or 0
            return _Header(order == "big", form, at + 8, None if unknown else size)
        if name == b"fmt " and form is None:
            form = _parse_form(window.read(min(size, _MAX_FORM_BYTES)), order)
        elif name == b"ds64":
            body = window.read(16)
            long_data = int.from_bytes(body[8:16], "little")
        at = _next_chunk(window, at + 8 + size, padded=bool(size & 1))
    raise NoSoundError("it has no sound in it" if form else "its format is missing")


def _next_chunk(window: Window, at: int, *, padded: bool) -> int:
    """Behind the pad byte of a chunk of odd size, which some writers leave out."""
    if not padded:
        return at
    return at if window.read_at(at, 4) in (b"data", b"fmt ", b"LIST", b"fact") else at + 1


def _parse_form(raw: bytes, order: str) -> _Form:
    if len(raw) < 14:
        raise NoSoundError("its format is cut short")

    def number(at: int, size: int) -> int:
        return int.from_bytes(raw[at : at + size], "big" if order == "big" else "little")

    tag = number(0, 2)
    if tag == _EXTENSIBLE and len(raw) >= 26:
        tag = number(24, 2)  # the first bytes of the GUID
    return _Form(tag, number(2, 2), number(4, 4), number(8, 4), number(12, 2), number(14, 2), raw)


def _check(form: _Form, window: Window, data_start: int) -> _Form:
    """The format as it must be meant. Raises UnreadableAudio where it cannot be true."""
    if form.channels == 0:
        raise NoSoundError("no channels")
    if form.tag in _PLAIN:
        return _check_samples(form)
    lie = UnreadableAudio(
        f"WAV says {form.name} with {form.bits} bits in blocks of {form.block_bytes} bytes, which "
        f"cannot be: {_EXPORT}"
    )
    if form.tag in (_MP2, _MP3):
        if not begins_with_frames(window.read_at(data_start, HEAD_BYTES), MPEG_AUDIO):
            raise lie
    elif form.tag in (_MS_ADPCM, _IMA_ADPCM):
        if form.bits != 4 or form.block_bytes <= 4 * form.channels:
            raise lie
    elif form.tag == _GSM:
        if form.block_bytes == 0 or form.block_bytes % _GSM_BLOCK_BYTES:
            raise lie
    elif form.bits in (16, 24, 32) and form.block_bytes == form.channels * form.bits // 8:
        raise lie  # described as plain samples
    elif len(form.raw) - 18 < _NEED_EXTRA_BYTES.get(form.tag, 0):
        raise lie
    return form


def _check_samples(form: _Form) -> _Form:
    """Plain samples: as many whole bytes for each as it has bits."""
    width, odd = divmod(form.block_bytes, form.channels)
    if form.tag in (_ALAW, _ULAW):
        possible = form.bits == 8 or form.block_bytes == form.channels
        width = 1
    elif form.tag == _FLOAT:
        possible = form.bits in (32, 64)
        width = form.bits // 8
    else:
        # The samples of 12 bits lie in the upper ones of two bytes (mmreg.h, WAVEFORMATEX).
        possible = 8 <= form.bits <= 32 and (
            form.bits % 8 == 0 or (not odd and width == -(-form.bits // 8))
        )
        width = -(-form.bits // 8)
    if not possible:
        raise UnreadableAudio(
            f"WAV says {form.name} with {form.bits} bits in blocks of {form.block_bytes} bytes, "
            f"which is not read: {_EXPORT} with 8, 16, 24 or 32 bits"
        )
    block = width * form.channels
    return _Form(
        form.tag,
        form.channels,
        form.sample_rate_hz,
        block * form.sample_rate_hz,
        block,
        8 * width,
        b"",
    )


def _prefix(header: _Header, form: _Form, stop: int) -> bytes:
    """A header that says what is there, for the sound alone."""
    order = "big" if header.big_endian else "little"

    def number(value: int, size: int) -> bytes:
        return min(value, 256**size - 1).to_bytes(size, order)

    raw = form.raw or b"".join(
        (
            number(form.tag, 2),
            number(form.channels, 2),
            number(form.sample_rate_hz, 4),
            number(form.bytes_per_s, 4),
            number(form.block_bytes, 2),
            number(form.bits, 2),
        )
    )
    raw += bytes(len(raw) & 1)
    size = stop - header.data_start
    body = b"WAVEfmt " + number(len(raw), 4) + raw + b"data" + number(size, 4)
    return (b"RIFX" if header.big_endian else b"RIFF") + number(len(body) + size, 4) + body
