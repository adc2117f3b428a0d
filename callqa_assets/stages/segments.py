"""Stage `segments`: where there is speech, by voice activity detection, and what is not speech.

Music, tones and the other line's voice keep their segments, so that hold time can be summed; only
segments of kind `speech` are transcribed and judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.audio.leakage import (
    LeakageConfig,
    compare_channels,
    find_crosstalk,
    is_dual_mono,
)
from callqa_assets.domain.audio.music_and_tones import SoundConfig, find_music_and_tones
from callqa_assets.domain.audio.segment_kinds import CutConfig, KindSegment, sort_sounds
from callqa_assets.domain.audio.segments import level_dbfs
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import ChannelSound, Span
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Note, Rows, note_rows, rows_writer

CODE_VERSION = "2"

INPUTS = StageInputs(
    stage="segments",
    upstream=(),
    facts=lambda r: {"content": r.content_sha256, "roles": list(r.channel_roles)},
)

_SOUNDS, _LEAKAGE, _CUTS = SoundConfig(), LeakageConfig(), CutConfig()


def _build(context: StageContext) -> Stage[list[ChannelSound], Rows]:
    """Voice activity detection over every channel of a recording."""
    models = context.open_models()
    identity = models.detector_identity

    def compute(batch: Sequence[tuple[Recording, list[ChannelSound]]]) -> BatchResult[Rows]:
        found = iter(
            models.detector().detect([waveform for _, channels in batch for waveform in channels])
        )
        return BatchResult(
            {
                recording.recording_id: _rows(recording, channels, [next(found) for _ in channels])
                for recording, channels in batch
            }
        )

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint.of_model(
            INPUTS.stage,
            CODE_VERSION,
            identity,
            sounds=asdict(_SOUNDS),
            leakage=asdict(_LEAKAGE),
            cuts=asdict(_CUTS),
        ),
        prepare=models.detector,
        load=context.archive.load,
        compute=compute,
        write=rows_writer(INPUTS.stage),
    )


def _rows(
    recording: Recording, channels: Sequence[ChannelSound], speech: Sequence[list[Span]]
) -> Rows:
    """Segments and notes of one recording; `speech`: what the detector found, by channel."""
    roles = list(recording.channel_roles)
    crosstalk, copies = _compare(channels)
    notes: list[Note] = []
    rows: list[dict[str, Any]] = []
    for channel, waveform in enumerate(channels):
        if channel in copies:
            notes.append(
                Note(
                    "dual_mono",
                    f"the same sound as channel {copies[channel]}, whose role is now mixed",
                    channel,
                )
            )
            continue
        if channel in copies.values():
            roles[channel] = "mixed"
        sounds = find_music_and_tones(waveform, _SOUNDS)
        segments = sort_sounds(waveform, speech[channel], sounds, crosstalk[channel], _CUTS)
        notes += _crosstalk_note(channel, segments)
        rows += (
            {
                "channel": channel,
                "segment_no": number,
                "role": roles[channel],
                "start_s": segment.span.start_s,
                "end_s": segment.span.end_s,
                "level_dbfs": round(level_dbfs(waveform, segment.span), 2),
                "kind": segment.kind,
            }
            for number, segment in enumerate(segments)
        )
    return {tables.segments: rows, tables.stage_notes: note_rows(INPUTS.stage, notes)}


def _compare(channels: Sequence[ChannelSound]) -> tuple[list[NDArray[np.bool_]], dict[int, int]]:
    """By channel the blocks that hold only crosstalk; and each copy's original."""
    crosstalk = [np.zeros(0, bool) for _ in channels]
    copies: dict[int, int] = {}
    for first, second in combinations(range(len(channels)), 2):
        if first in copies or second in copies:
            continue
        pair = compare_channels(channels[first], channels[second], _LEAKAGE)
        if is_dual_mono(pair, _LEAKAGE):
            copies[second] = first
            continue
        for place, channel in enumerate((first, second)):
            flags = find_crosstalk(pair, place, _LEAKAGE)
            known = crosstalk[channel]
            crosstalk[channel] = known | flags if len(known) else flags
    return crosstalk, copies


def _crosstalk_note(channel: int, segments: Sequence[KindSegment]) -> Iterator[Note]:
    spans = [segment.span for segment in segments if segment.kind == "crosstalk"]
    if spans:
        seconds = sum(span.end_s - span.start_s for span in spans)
        yield Note(
            "crosstalk",
            f"{seconds:.1f} s of another channel's speech are left out, in {len(spans)} segments",
            channel,
            spans[0].start_s,
            spans[-1].end_s,
        )


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="vad_segments",
    tables=(tables.segments, tables.stage_notes),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
)
