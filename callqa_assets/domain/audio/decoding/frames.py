"""Frame headers of bare MPEG audio (MP3) and AAC (ADTS)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callqa_assets.domain.audio.decoding.window import Window

_LEAST_FRAMES = 3
"""So many frames in a row are no accident: one header is met in every 30 kB of noise."""

_BIT_RATES = {  # kbit/s, ISO/IEC 11172-3 and 13818-3, by (MPEG 1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_AMR_BYTES = (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0)
_AMR_WB_BYTES = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0)
"""Bytes behind the header of a frame, by its type (RFC 4867, table 1 and 5.3)."""
_AMR_TYPES, _AMR_WB_TYPES = frozenset((*range(9), 15)), frozenset((*range(10), 14, 15))
_AMR_CHUNK_BYTES = 1 << 16
_ADTS_RATES_HZ = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)


@dataclass(frozen=True)
class FrameHeader:
    size: int
    """Bytes, header included."""
    sample_rate_hz: int
    channels: int
    samples: int
    kind: tuple[int, int]
    """Version and layer, which do not change within a recording."""


FrameFormat = Callable[[bytes, int], FrameHeader | None]
"""The header at an offset of some bytes; None where there is none."""


def MPEG_AUDIO(data: bytes, at: int) -> FrameHeader | None:  # noqa: N802 - one of the formats
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] < 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    rate_no, bit_rate_no = data[at + 2] >> 2 & 3, data[at + 2] >> 4
    if version == 1 or layer == 4 or rate_no == 3 or not 0 < bit_rate_no < 15:
        return None
    rate_hz = (44_100, 48_000, 32_000)[rate_no] >> (0 if version == 3 else 1 if version == 2 else 2)
    bits_s = _BIT_RATES[version == 3, layer][bit_rate_no - 1] * 1000
    padding = data[at + 2] >> 1 & 1
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    size = (
        (12 * bits_s // rate_hz + padding) * 4
        if layer == 1
        else samples // 8 * bits_s // rate_hz + padding
    )
    channels = 1 if data[at + 3] >> 6 == 3 else 2
    return FrameHeader(size, rate_hz, channels, samples, (version, layer))


def ADTS(data: bytes, at: int) -> FrameHeader | None:  # noqa: N802 - one of the formats
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate_no = data[at + 2] >> 2 & 15
    channels = (data[at + 2] & 1) << 2 | data[at + 3] >> 6
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate_no >= len(_ADTS_RATES_HZ) or size < 7:
        return None
    blocks = (data[at + 6] & 3) + 1
    kind = (data[at + 1], data[at + 2] >> 6)
    return FrameHeader(size, _ADTS_RATES_HZ[rate_no], channels, 1024 * blocks, kind)


def begins_with_frames(data: bytes, format_: FrameFormat) -> bool:
    """Whether frames of one kind and rate follow each other from the first byte."""
    at, first = 0, None
    for _ in range(_LEAST_FRAMES):
        header = format_(data, at)
        if header is None or (
            first is not None
            and (header.kind, header.sample_rate_hz) != (first.kind, first.sample_rate_hz)
        ):
            # A recording of two frames is one, too.
            return first is not None and at == len(data)
        first, at = header, at + header.size
    return True


def stated_seconds(data: bytes) -> float | None:
    """The length that the Xing or Info header of an MP3 states; None where there is none.

    It fills the first frame, behind the side information (ISO/IEC 11172-3, 2.4.1.7).
    """
    frame = MPEG_AUDIO(data, 0)
    if frame is None:
        return None
    mpeg_1, mono = frame.kind[0] == 3, frame.channels == 1
    at = 4 + ((17 if mono else 32) if mpeg_1 else (9 if mono else 17))
    if data[at : at + 4] not in (b"Xing", b"Info") or not data[at + 7] & 1:
        return None
    return int.from_bytes(data[at + 8 : at + 12]) * frame.samples / frame.sample_rate_hz


def find_amr_end(window: Window) -> int:
    """Where the last whole frame of an AMR or AMR-WB file ends."""
    wide = window.read_at(0, 9) == b"#!AMR-WB\n"
    sizes, types = (_AMR_WB_BYTES, _AMR_WB_TYPES) if wide else (_AMR_BYTES, _AMR_TYPES)
    base, at, buffer = 0, 9 if wide else 6, b""
    while True:
        if at >= len(buffer):
            at, buffer = 0, window.read_at(base := base + at, _AMR_CHUNK_BYTES)
            if not buffer:
                return min(base, window.size)
        kind = buffer[at] >> 3 & 15
        # The bits beside type and quality are zero.
        if buffer[at] & 0x83 or kind not in types:
            return base + at
        if base + at + 1 + sizes[kind] > window.size:
            return window.size  # a frame that was cut: FFmpeg says so
        at += 1 + sizes[kind]
