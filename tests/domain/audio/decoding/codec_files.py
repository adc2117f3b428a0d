"""Tiny files of every container and codec that can be written here: 2 s, 300 Hz, mono.

`python -m tests.domain.audio.decoding.codec_files` decodes them all and writes the table of
docs/ingestion.md.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import soundfile as sf

from callqa_assets.domain.audio.decoding import DecodedAudio, Encoding, decode_audio
from callqa_assets.domain.audio.decoding.headerless import CODECS, EXTENSIONS

SECONDS = 2.0
TONE_HZ = 300
PAGE = Path(__file__).resolve().parents[4] / "docs" / "ingestion.md"
MARKED = re.compile(r"(<!-- codec table -->\n).*?(<!-- end of codec table -->)", re.DOTALL)


def tone(rate_hz: int, tone_hz: int = TONE_HZ, seconds: float = SECONDS) -> np.ndarray:
    """Shape [n]."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.4 * np.sin(2 * np.pi * tone_hz * t)).astype(np.float32)


def write_sndfile(
    container: str, subtype: str, rate_hz: int = 8000, *, tone_hz: int = TONE_HZ, channels: int = 1
) -> bytes:
    buffer = io.BytesIO()
    samples = np.stack([tone(rate_hz, tone_hz)] * channels, axis=1)
    sf.write(buffer, samples, rate_hz, format=container, subtype=subtype)
    return buffer.getvalue()


def write_ffmpeg(
    container: str,
    codec: str,
    rate_hz: int,
    bit_rate: int | None = None,
    *,
    tones_hz: tuple[int, ...] = (TONE_HZ,),
    layout: str = "mono",
    late_s: float = 0.0,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A file with one sound track per tone; all but the first start `late_s` later."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "call"
        with av.open(str(path), "w", format=container) as output:
            streams = [
                output.add_stream(codec, rate=rate_hz, layout=layout, options=dict(options or {}))
                for _ in tones_hz
            ]
            for stream in streams:
                if bit_rate:
                    stream.bit_rate = bit_rate
            for number, (stream, tone_hz) in enumerate(zip(streams, tones_hz, strict=True)):
                for packet in _encode(stream, tone(rate_hz, tone_hz), layout):
                    if number and late_s:
                        late = round(late_s / packet.time_base)
                        packet.pts, packet.dts = packet.pts + late, packet.dts + late
                    output.mux(packet)
        return path.read_bytes()


def _encode(stream: av.AudioStream, samples: np.ndarray, layout: str):
    channels = 1 if layout == "mono" else 2
    pcm = np.repeat((samples * 32767).astype(np.int16), channels).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
    frame.sample_rate, frame.pts = stream.rate, 0
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout=layout, rate=stream.rate, frame_size=context.frame_size or 0
    )
    for part in (*resampler.resample(frame), *resampler.resample(None), None):
        yield from stream.encode(part)


@dataclass(frozen=True)
class CodecFile:
    container: str
    codec: str
    write: Callable[[], bytes]
    encoding: Encoding | None = None

    @property
    def name(self) -> str:
        return f"{self.container} {self.codec}"

    def decode(self, folder: Path) -> DecodedAudio:
        path = folder / "call"
        path.write_bytes(self.write())
        with path.open("rb", buffering=0) as file:
            return decode_audio(file, encoding=self.encoding)


def _sf(container: str, codec: str, *args: object) -> CodecFile:
    return CodecFile(container, codec, partial(write_sndfile, *args))


def _av(container: str, codec: str, *args: object) -> CodecFile:
    return CodecFile(container, codec, partial(write_ffmpeg, *args))


def _bare(codec: str, rate_hz: int, write: Callable[[], bytes]) -> CodecFile:
    return CodecFile("none", codec, write, Encoding(codec, rate_hz))


def _raw(codec: str, rate_hz: int, subtype: str, endian: str = "FILE") -> CodecFile:
    def write() -> bytes:
        buffer = io.BytesIO()
        sf.write(buffer, tone(rate_hz), rate_hz, format="RAW", subtype=subtype, endian=endian)
        return buffer.getvalue()

    return _bare(codec, rate_hz, write)


def _g726(bits: int) -> CodecFile:
    options = {"code_size": str(bits)}
    write = partial(write_ffmpeg, "g726le", "g726le", 8000, options=options)
    return _bare(f"g726-{8 * bits}", 8000, write)


CODEC_FILES = (
    _sf("WAV", "PCM 8 bit", "WAV", "PCM_U8"),
    _sf("WAV", "16", "WAV", "PCM_16"),
    _sf("WAV", "24", "WAV", "PCM_24"),
    _sf("WAV", "32", "WAV", "PCM_32"),
    _sf("WAV", "float", "WAV", "FLOAT"),
    _sf("WAV", "A-law", "WAV", "ALAW"),
    _sf("WAV", "mu-law", "WAV", "ULAW"),
    _sf("WAV", "GSM 06.10", "WAV", "GSM610"),
    _sf("WAV", "IMA ADPCM", "WAV", "IMA_ADPCM"),
    _sf("WAV", "Microsoft ADPCM", "WAV", "MS_ADPCM"),
    _av("WAV", "G.722", "wav", "g722", 16_000),
    _av("WAV", "G.723.1", "wav", "g723_1", 8000, 6300),
    _av("WAV", "G.726", "wav", "g726", 8000),
    _av("WAV", "MP3", "wav", "libmp3lame", 16_000),
    _av("WAV", "WMA", "wav", "wmav2", 16_000, 32_000),
    _sf("WAV extensible", "PCM", "WAVEX", "PCM_16"),
    _sf("RF64", "PCM", "RF64", "PCM_16"),
    _sf("W64", "PCM", "W64", "PCM_16"),
    _sf("AIFF", "PCM", "AIFF", "PCM_16"),
    _sf("AU", "PCM", "AU", "PCM_16"),
    _sf("AU", "A-law", "AU", "ALAW"),
    _sf("AU", "mu-law", "AU", "ULAW"),
    _sf("CAF", "PCM", "CAF", "PCM_16"),
    _sf("CAF", "mu-law", "CAF", "ULAW"),
    _sf("NIST SPHERE", "PCM", "NIST", "PCM_16"),
    _sf("NIST SPHERE", "mu-law", "NIST", "ULAW"),
    _sf("FLAC", "16 bit", "FLAC", "PCM_16"),
    _sf("FLAC", "24 bit", "FLAC", "PCM_24"),
    _sf("MP3", "layer III", "MP3", "MPEG_LAYER_III"),
    _av("MP3", "layer II", "mp2", "mp2", 16_000),
    _sf("Ogg", "Vorbis", "OGG", "VORBIS"),
    _sf("Ogg", "Opus", "OGG", "OPUS"),
    _av("Ogg", "FLAC", "ogg", "flac", 16_000),
    _av("AMR", "AMR-NB", "amr", "libopencore_amrnb", 8000, 12_200),
    _av("AAC (ADTS)", "AAC", "adts", "aac", 16_000),
    _av("M4A, MP4", "AAC", "mp4", "aac", 16_000),
    _av("M4A, MP4", "Opus", "mp4", "libopus", 48_000),
    _av("M4A, MP4", "ALAC", "mp4", "alac", 16_000),
    _av("3GP", "AMR-NB", "3gp", "libopencore_amrnb", 8000, 12_200),
    _av("3GP", "AAC", "3gp", "aac", 16_000),
    _av("QuickTime", "PCM", "mov", "pcm_s16le", 8000),
    _av("QuickTime", "mu-law", "mov", "pcm_mulaw", 8000),
    _av("Matroska", "PCM", "matroska", "pcm_s16le", 8000),
    _av("Matroska", "AAC", "matroska", "aac", 16_000),
    _av("Matroska", "FLAC", "matroska", "flac", 16_000),
    _av("WebM", "Opus", "webm", "libopus", 48_000),
    _av("WMA, ASF", "WMA", "asf", "wmav2", 16_000, 32_000),
    _av("AVI", "PCM", "avi", "pcm_s16le", 8000),
    _av("AVI", "MP3", "avi", "libmp3lame", 16_000),
    _av("FLV", "MP3", "flv", "libmp3lame", 44_100),
    _av("FLV", "AAC", "flv", "aac", 16_000),
    _av("MPEG-TS", "AAC", "mpegts", "aac", 16_000),
    _av("MPEG-TS", "MP2", "mpegts", "mp2", 16_000),
    _raw("alaw", 8000, "ALAW"),
    _raw("ulaw", 8000, "ULAW"),
    _raw("s16le", 8000, "PCM_16", "LITTLE"),
    _raw("s16be", 8000, "PCM_16", "BIG"),
    _raw("s8", 8000, "PCM_S8"),
    _raw("u8", 8000, "PCM_U8"),
    _raw("gsm", 8000, "GSM610"),
    _raw("vox", 8000, "VOX_ADPCM"),
    _bare("g722", 16_000, partial(write_ffmpeg, "g722", "g722", 16_000)),
    _bare("g723_1", 8000, partial(write_ffmpeg, "g723_1", "g723_1", 8000, 6300)),
    *(_g726(bits) for bits in (2, 3, 4, 5)),
)


def strongest_hz(samples: np.ndarray, rate_hz: int) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate_hz / len(samples))


def is_heard_right(decoded: DecodedAudio) -> bool:
    """Whether it is the tone, of its length, and nothing else."""
    (channel,) = decoded.samples
    middle = channel[len(channel) // 4 : -len(channel) // 4]
    tone_there = abs(strongest_hz(middle, decoded.sample_rate_hz) - TONE_HZ) < 5
    return tone_there and abs(decoded.duration_s - SECONDS) < 0.15


def render_page(page: str) -> str:
    """The page with the table of what is decoded as it should be now."""
    containers: dict[str, list[str]] = {}
    headerless: list[str] = []
    with TemporaryDirectory() as folder:
        for file in CODEC_FILES:
            if not is_heard_right(file.decode(Path(folder))):
                raise ValueError(f"{file.name} is not heard right")
            if file.encoding is None:
                containers.setdefault(file.container, []).append(file.codec)
            else:
                headerless.append(file.codec)
    rows = [f"| {name} | {', '.join(codecs)} |\n" for name, codecs in containers.items()]
    bare = []
    for codec in headerless:
        names = [f"`.{e}`" for e, encoding in EXTENSIONS.items() if encoding.codec == codec]
        bare.append(f"| `{codec}` | {CODECS[codec].name} | {' '.join(names) or '–'} |\n")
    table = (
        f"| container | codecs |\n|---|---|\n{''.join(rows)}\n"
        f"| without a header: `codec` | what | extensions |\n|---|---|---|\n{''.join(bare)}\n"
    )
    written, places = MARKED.subn(lambda match: match[1] + table + match[2], page)
    if places != 1:
        raise ValueError("mark one place for the table with `<!-- codec table -->`")
    return written


if __name__ == "__main__":
    PAGE.write_text(render_page(PAGE.read_text("utf-8")), "utf-8")
