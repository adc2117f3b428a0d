"""A recording's audio with its stored segments: what transcripts and emotions both read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import Span, SpeechChannel
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.results import SegmentKey, read_speech
from resources.storage.archive import RecordingArchive


@dataclass(frozen=True)
class SegmentedAudio:
    channels: list[SpeechChannel]
    keys: list[list[SegmentKey]]
    """By channel, in the order of the channel's segments."""


def load_segmented(
    warehouse: Warehouse,
    archive: RecordingArchive,
    recording: Recording,
    hotwords: Sequence[str] = (),
) -> SegmentedAudio:
    """Read the segments from the warehouse and the audio from the archive."""
    with warehouse.read() as connection:
        segments = read_speech(connection, recording.recording_id)
    waveforms = archive.load(recording)
    keys: list[list[SegmentKey]] = [[] for _ in waveforms]
    for segment in segments:
        keys[segment["channel"]].append(segment)
    channels = [
        SpeechChannel(
            waveform,
            [Span(key["start_s"], key["end_s"]) for key in part],
            recording.facts.language,
            hotwords,
            call=recording.recording_id,
        )
        for waveform, part in zip(waveforms, keys, strict=True)
    ]
    return SegmentedAudio(channels, keys)
