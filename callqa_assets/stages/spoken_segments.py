"""Stored segments as stages read them, many calls in few queries: speech with its transcripts, and
music and tones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from callqa_assets.domain.rules.call_input import Sound
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import segments, transcripts


def read_spoken_segments(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> Mapping[str, list[SpokenSegment]]:
    """Recording to its segments of speech by channel and number; to [] where it has none."""
    spoken: defaultdict[str, list[SpokenSegment]] = defaultdict(list)
    for ids in chunks(recording_ids):
        for recording_id, *segment in connection.execute(_query, {"ids": ids}):
            spoken[recording_id].append(SpokenSegment._make(segment))
    return spoken


def read_sounds(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> Mapping[str, list[Sound]]:
    """Recording to its music and tones on any channel."""
    sounds: defaultdict[str, list[Sound]] = defaultdict(list)
    for ids in chunks(recording_ids):
        for recording_id, *sound in connection.execute(_sounds, {"ids": ids}):
            sounds[recording_id].append(Sound._make(sound))
    return sounds


_query = (
    sa.select(
        segments.c.recording_id,
        segments.c.channel,
        segments.c.start_s,
        segments.c.end_s,
        segments.c.level_dbfs,
        sa.func.coalesce(transcripts.c.text, ""),
        sa.func.coalesce(transcripts.c.text_raw, ""),
        # As text: the words of most segments are never parsed.
        sa.func.coalesce(sa.cast(transcripts.c.words, sa.Text), "[]"),
        sa.func.coalesce(sa.cast(transcripts.c.alignment, sa.Text), "[]"),
        segments.c.segment_no,
        segments.c.role,
        sa.func.coalesce(transcripts.c.language, ""),
        sa.func.coalesce(transcripts.c.confidence, 0.0),
    )
    .outerjoin(
        transcripts,
        sa.and_(
            transcripts.c.recording_id == segments.c.recording_id,
            transcripts.c.channel == segments.c.channel,
            transcripts.c.segment_no == segments.c.segment_no,
        ),
    )
    .where(
        segments.c.recording_id.in_(sa.bindparam("ids", expanding=True)),
        segments.c.kind == "speech",
    )
    .order_by(segments.c.recording_id, segments.c.channel, segments.c.segment_no)
)

_sounds = (
    sa.select(segments.c.recording_id, segments.c.start_s, segments.c.end_s)
    .where(
        segments.c.recording_id.in_(sa.bindparam("ids", expanding=True)),
        segments.c.kind.in_(("music", "tone")),
    )
    .order_by(segments.c.recording_id, segments.c.channel, segments.c.segment_no)
)
