"""Decoding by FFmpeg: with one demuxer that the file's own bytes name, never a guessed one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from callqa_assets.domain.audio.decoding import boxes
from callqa_assets.domain.audio.decoding.reasons import as_clause
from callqa_assets.domain.audio.decoding.stream import (
    AudioLimits,
    NoSoundError,
    Samples,
    Track,
    UnreadableAudio,
)
from callqa_assets.domain.audio.decoding.window import Window

_STATES_DURATION = frozenset(("mov", "matroska", "asf", "caf", "wav", "flac", "avi"))
"""Demuxers that read the duration from a header; the others estimate it from the bit rate."""

_ONLY_FRAMES = frozenset(("mp3", "aac", "amr"))
"""Nothing but frames: what is in no packet is no sound."""

_LEAST_COVER = 0.5
"""Where fewer of the bytes are frames, the file is something else."""

_UNREAD_BYTES = 2048
"""What is left besides the frames: tags and a cut frame are smaller."""

_ERRORS = (FFmpegError, ValueError, OverflowError, IndexError)
"""What the binding raises on corrupt files; IndexError where a track appears in mid-file."""

_LONGEST_BLOCK_S = 1.0


def open_with_ffmpeg(
    window: Window,
    demuxer: str,
    resources: ExitStack,
    limits: AudioLimits,
    options: dict[str, str] | None = None,
) -> Track:
    """Raises NoSoundError where FFmpeg finds no audio, UnreadableAudio in a film without any."""
    window.seek(0)
    try:
        container = resources.enter_context(
            av.open(
                window,
                "r",
                format=demuxer,
                # Nothing that is named inside a file is opened.
                container_options={"protocol_whitelist": "none", **(options or {})},
            )
        )
    except _ERRORS as error:
        window.raise_read_error()
        raise NoSoundError(as_clause(str(error))) from error
    if not container.streams.audio:
        raise UnreadableAudio("no sound track in it, only pictures or data")
    # FFmpeg knows no decoder, whatever the binding's types say.
    if any(not stream.codec_context for stream in container.streams.audio):
        raise NoSoundError("its codec is not known")
    reading = _Reading(window, container, demuxer, limits)
    return reading.track.begun()


class _Lane:
    """Decoded sound of one sound track that waits for the others."""

    def __init__(self) -> None:
        self.channels = 1
        self.started = False
        self.silence = 0
        """Samples before its first one, where it starts later than another track."""
        self.blocks = deque[Samples]()

    @property
    def length(self) -> int:
        return self.silence + sum(block.shape[1] for block in self.blocks)

    def take(self, length: int) -> Samples:
        """The next `length` samples, [channels, length]; silence after the end."""
        taken = np.zeros((self.channels, length), np.float32)
        at = min(self.silence, length)
        self.silence -= at
        while at < length and self.blocks:
            block = self.blocks.popleft()
            used = min(block.shape[1], length - at)
            taken[:, at : at + used] = block[:, :used]
            if used < block.shape[1]:
                self.blocks.appendleft(block[:, used:])
            at += used
        return taken


class _Reading:
    """One pass through a file. Several mono tracks are channels, aligned by their start times."""

    def __init__(
        self, window: Window, container: InputContainer, demuxer: str, limits: AudioLimits
    ) -> None:
        self._window = window
        self._container = container
        self._demuxer = demuxer
        self._limits = limits
        self._packed_bytes = 0
        self._packed_to = 0
        self._bad_packets = 0
        self._length = 0
        self._resamplers: dict[tuple[int, int, str, str], av.AudioResampler] = {}
        self._streams = _choose_streams(container.streams.audio)
        notes = list[str]()
        if left_out := len(container.streams.audio) - len(self._streams):
            notes.append(
                f"{left_out} more sound track{'s' if left_out > 1 else ''} not read: export one "
                "mono track per speaker, or one track"
            )
        # The format is set by the first frame: headers may state another.
        self.track = Track(0, 0, self._read(), notes)

    def _read(self) -> Iterator[Samples]:
        lanes = [_Lane() for _ in self._streams]
        first_error: str | None = None
        packets = self._container.demux(self._streams)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                self._packed_bytes += packet.size
                if packet.pos is not None:
                    self._packed_to = max(self._packed_to, packet.pos + packet.size)
                frames = packet.decode()
            except _ERRORS as error:
                first_error = first_error or f"{self._seconds:.1f} s ({as_clause(str(error))})"
                self._bad_packets += 1
                if isinstance(error, EOFError):
                    break
                continue
            stream_no = self._streams.index(packet.stream)  # pyright: ignore[reportArgumentType]
            for frame in frames:
                self._add(lanes, stream_no, frame)  # pyright: ignore[reportArgumentType]
            yield from self._drain(lanes, whole=False)
        yield from self._drain(lanes, whole=True)
        self._window.raise_read_error()
        if self._length == 0:
            raise NoSoundError(first_error.partition("(")[2][:-1] if first_error else "no sound")
        self._note_what_is_missing(first_error)

    @property
    def _seconds(self) -> float:
        return self._length / self.track.sample_rate_hz if self._length else 0.0

    def _add(self, lanes: list[_Lane], stream_no: int, frame: av.AudioFrame) -> None:
        lane, channels = lanes[stream_no], frame.layout.nb_channels
        if self.track.channels == 0:
            self.track.sample_rate_hz = frame.sample_rate
            self.track.channels = channels if len(lanes) == 1 else len(lanes)
        if not lane.started:
            lane.started, lane.channels = True, channels
            lane.silence = self._late_start(frame) if len(lanes) > 1 else 0
        if channels != lane.channels:
            self._note_once(
                f"not read from {self._seconds:.1f} s: {channels} channels instead of "
                f"{lane.channels}; export the parts apart"
            )
            return
        if frame.sample_rate != self.track.sample_rate_hz:
            self._note_once(
                f"the sample rate changes to {frame.sample_rate} Hz after {self._seconds:.1f} s: "
                "resampled"
            )
        for planar in self._resampler(stream_no, frame).resample(frame):
            lane.blocks.append(planar.to_ndarray().astype(np.float32, copy=False))

    def _resampler(self, stream_no: int, frame: av.AudioFrame) -> av.AudioResampler:
        key = (stream_no, frame.sample_rate, frame.format.name, frame.layout.name)
        if key not in self._resamplers:
            self._resamplers[key] = av.AudioResampler(format="fltp", rate=self.track.sample_rate_hz)
        return self._resamplers[key]

    def _late_start(self, frame: av.AudioFrame) -> int:
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in self._streams
            if stream.start_time is not None and stream.time_base is not None
        ]
        if frame.time is None or not starts:
            return 0
        late_s = frame.time - min(starts)
        if late_s > self._limits.max_seconds(len(self._streams)):
            raise UnreadableAudio(f"the sound tracks start {late_s:.0f} s apart: export them again")
        return max(0, round(late_s * self.track.sample_rate_hz))

    def _drain(self, lanes: Sequence[_Lane], *, whole: bool) -> Iterator[Samples]:
        """What all tracks have; at the end, `whole`, what any of them has."""
        if not self.track.channels:
            return
        lengths = [lane.length for lane in lanes]
        left = max(lengths) if whole else min(lengths)
        while left:
            length = min(left, round(_LONGEST_BLOCK_S * self.track.sample_rate_hz))
            self._length += length
            left -= length
            yield np.concatenate([lane.take(length) for lane in lanes])

    def _note_once(self, note: str) -> None:
        kind = note.partition(":")[0][:20]
        if not any(known.startswith(kind) for known in self.track.notes):
            self.track.notes.append(note)

    def _note_what_is_missing(self, first_error: str | None) -> None:
        size = self._window.size
        if self._demuxer in _ONLY_FRAMES:
            if self._packed_bytes < _LEAST_COVER * size:
                raise UnreadableAudio(
                    f"not audio: only {self._packed_bytes} of {size} bytes look like "
                    f"{self._demuxer.upper()}"
                )
            unread = size - self._packed_bytes
            if unread > _UNREAD_BYTES:
                self.track.notes.append(f"{unread} of {size} bytes are no sound: left out")
        else:
            end = max(boxes.find_end(self._window, self._demuxer), self._packed_to)
            if end < size:
                self.track.notes.append(f"{size - end} bytes after the sound are not read")
        if first_error:
            self.track.notes.append(
                f"damaged: {self._bad_packets} packets unreadable from {first_error}"
            )
        elif self._demuxer in _STATES_DURATION:
            promised_s = _promised_seconds(self._container, self._streams)
            if self._seconds < promised_s - self._limits.duration_tolerance_s:
                self.track.notes.append(
                    f"truncated: {self._seconds:.1f} of {promised_s:.1f} s are there"
                )


def _choose_streams(streams: Sequence[av.AudioStream]) -> list[av.AudioStream]:
    """All where each has one channel, else the first: two stereo tracks are seldom two speakers."""
    if all(stream.codec_context.layout.nb_channels == 1 for stream in streams):
        return list(streams)
    return [streams[0]]


def _promised_seconds(container: InputContainer, streams: Sequence[av.AudioStream]) -> float:
    stated = [
        float(stream.duration * stream.time_base)
        for stream in streams
        if stream.duration is not None and stream.time_base is not None
    ]
    if stated:
        return max(stated)
    return container.duration / av.time_base if container.duration is not None else 0.0
