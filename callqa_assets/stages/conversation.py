"""Stage `conversation`: who speaks when, and metrics of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.conversation.metrics import (
    Call,
    CallMetrics,
    EmotionSpan,
    MetricSettings,
    Stretch,
    measure,
)
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.spoken_segments import read_sounds, read_spoken_segments
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Rows, rows_writer
from callqa_assets.warehouse.tables import emotion_spans, recordings

CODE_VERSION = "1"

INPUTS = StageInputs(
    stage="conversation",
    upstream=("segments", "transcripts", "emotions"),
    # Holds are in the metadata.
    facts=lambda recording: {"metadata": recording.metadata_version},
)


def _build(context: StageContext) -> Stage[None, Rows]:
    settings = MetricSettings()

    def compute(batch: Sequence[tuple[Recording, None]]) -> BatchResult[Rows]:
        calls = _read_calls(context, [recording for recording, _ in batch])
        return BatchResult({i: _rows(measure(call, settings)) for i, call in calls.items()})

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint(INPUTS.stage, CODE_VERSION, settings.params),
        prepare=lambda: None,
        # A batch is loaded in a few reads, when it is computed: a single call would take as many.
        load=lambda recording: None,
        compute=compute,
        write=rows_writer(INPUTS.stage),
        batch_audio_s=50_000,
        batch_recordings=256,
        lease_per_audio_s=0.0,
    )


def _read_calls(context: StageContext, batch: Sequence[Recording]) -> dict[str, Call]:
    ids = [recording.recording_id for recording in batch]
    emotions: defaultdict[str, list[EmotionSpan]] = defaultdict(list)
    holds: dict[str, list[Stretch]] = {}
    with context.warehouse.read() as connection:
        spoken = read_spoken_segments(connection, ids)
        sounds = read_sounds(connection, ids)
        for some in chunks(ids):
            for recording_id, *span in connection.execute(_emotions, {"ids": some}):
                emotions[recording_id].append(EmotionSpan._make(span))
            for recording_id, metadata in connection.execute(_metadata, {"ids": some}):
                if (told := _read_holds(metadata)) is not None:
                    holds[recording_id] = told
    return {
        recording.recording_id: Call(
            roles=_roles(recording, spoken[recording.recording_id]),
            duration_s=recording.duration_s,
            segments=spoken[recording.recording_id],
            emotions=emotions[recording.recording_id],
            music=[Stretch(*sound) for sound in sounds[recording.recording_id]],
            holds=holds.get(recording.recording_id),
        )
        for recording in batch
    }


def _roles(recording: Recording, spoken: Sequence[SpokenSegment]) -> dict[int, str]:
    """Role by channel; of two copies of one mixed channel, the one with the speech."""
    heard = {segment.channel: segment.role for segment in spoken}
    if "mixed" in heard.values():
        return heard
    return {**dict(enumerate(recording.channel_roles)), **heard}


def _read_holds(metadata: Mapping[str, Any]) -> list[Stretch] | None:
    """`holds` of a call's metadata, [[start_s, end_s], …]; None where there are none to read."""
    try:
        return [Stretch(float(start), float(end)) for start, end in metadata["holds"]]
    except (KeyError, TypeError, ValueError):
        return None


def _rows(metrics: CallMetrics) -> Rows:
    return {
        tables.call_metrics: [metrics.call],
        tables.call_channel_metrics: metrics.channels,
        tables.call_quarters: metrics.quarters,
        tables.tone_text_conflicts: metrics.conflicts,
    }


_emotions = (
    sa.select(
        emotion_spans.c.recording_id,
        emotion_spans.c.channel,
        emotion_spans.c.start_s,
        emotion_spans.c.end_s,
        emotion_spans.c.emotion,
        emotion_spans.c.confidence,
    )
    .where(emotion_spans.c.recording_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(emotion_spans.c.recording_id, emotion_spans.c.channel, emotion_spans.c.span_no)
)

_metadata = sa.select(recordings.c.recording_id, recordings.c.metadata).where(
    recordings.c.recording_id.in_(sa.bindparam("ids", expanding=True))
)

STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="call_metrics",
    tables=(
        tables.call_metrics,
        tables.call_channel_metrics,
        tables.call_quarters,
        tables.tone_text_conflicts,
    ),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
    uses_models=False,
)
