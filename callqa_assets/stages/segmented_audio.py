"""A recording's audio with its stored segments: what transcripts and emotions both read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import Span, SpeechChannel
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.results import read_rows
from callqa_assets.warehouse.tables import segments
from resources.storage.archive import RecordingArchive


@dataclass(frozen=True)
class SegmentedAudio:
    channels: list[SpeechChannel]
    keys: list[list[dict[str, Any]]]
    """By channel: each segment's channel, segment_no, role, start_s and end_s, for its row."""


def load_segmented(
    warehouse: Warehouse,
    archive: RecordingArchive,
    recording: Recording,
    hotwords: Sequence[str] = (),
) -> SegmentedAudio:
    """Read the segments from the warehouse and the audio from the archive."""
    with warehouse.read() as connection:
        rows = read_rows(connection, segments, recording.recording_id)
    waveforms = archive.load(recording)
    keys: list[list[dict[str, Any]]] = [[] for _ in waveforms]
    for row in rows:
        keys[row.channel].append(
            {
                "channel": row.channel,
                "segment_no": row.segment_no,
                "role": row.role,
                "start_s": row.start_s,
                "end_s": row.end_s,
            }
        )
    channels = [
        SpeechChannel(
            waveform,
            [Span(key["start_s"], key["end_s"]) for key in part],
            recording.facts.language,
            hotwords,
        )
        for waveform, part in zip(waveforms, keys, strict=True)
    ]
    return SegmentedAudio(channels, keys)
