"""What a search shows: calls with their hits, the words around each, and its seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.pii.masking import mask_text
from callqa_assets.domain.text.bigrams import find_places, normalise
from callqa_assets.domain.text.spoken_text import SpokenSegment, seconds_of
from callqa_assets.warehouse.search import FoundCall, FoundSegment
from callqa_assets.warehouse.tables import recordings, segments, transcripts

_AROUND = 16
"""Characters shown before and after a hit."""


def read_snippets(
    connection: sa.Connection, calls: Sequence[FoundCall], text: str
) -> list[dict[str, Any]]:
    """The calls as JSON: their facts, and each place that holds `text` with role and seconds.

    Personal data around a hit is masked; the hit itself is what was asked for.
    """
    return [_describe(connection, call, normalise(text)) for call in calls]


def _describe(connection: sa.Connection, call: FoundCall, wanted: str) -> dict[str, Any]:
    facts = connection.execute(
        sa.select(recordings).where(recordings.c.recording_id == call.recording_id)
    ).one()
    return {
        "recording_id": call.recording_id,
        "day": facts.day,
        "source_name": shown_name(facts.source_name),
        "agent_id": facts.agent_id,
        "queue": facts.queue,
        "hits": [
            hit for segment in call.segments for hit in _read_hits(connection, segment, wanted)
        ],
    }


def _read_hits(connection: sa.Connection, found: FoundSegment, wanted: str) -> list[dict[str, Any]]:
    row = connection.execute(
        _segment,
        {
            "recording": found.recording_id,
            "of_channel": found.channel,
            "number": found.segment_no,
        },
    ).one()
    spoken = SpokenSegment(*row)
    hits: list[dict[str, Any]] = []
    for start, end in find_places(spoken.text, wanted):
        start_s, end_s = seconds_of(spoken, start, end)
        before, after = spoken.text[:start], spoken.text[end:]
        before, after = mask_text(before)[-_AROUND:], mask_text(after)[:_AROUND]
        hits.append(
            {
                "channel": spoken.channel,
                "segment_no": found.segment_no,
                "role": spoken.role,
                "start_s": round(start_s, 2),
                "end_s": round(end_s, 2),
                "snippet": f"{before}【{spoken.text[start:end]}】{after}",
            }
        )
    return hits


_segment = (
    sa.select(
        segments.c.channel,
        segments.c.start_s,
        segments.c.end_s,
        segments.c.level_dbfs,
        transcripts.c.text,
        transcripts.c.text_raw,
        sa.cast(transcripts.c.words, sa.Text),
        sa.cast(transcripts.c.alignment, sa.Text),
        segments.c.segment_no,
        segments.c.role,
    )
    .join(
        transcripts,
        sa.and_(
            *(
                transcripts.c[name] == segments.c[name]
                for name in ("recording_id", "channel", "segment_no")
            )
        ),
    )
    .where(
        segments.c.recording_id == sa.bindparam("recording"),
        segments.c.channel == sa.bindparam("of_channel"),
        segments.c.segment_no == sa.bindparam("number"),
    )
)
