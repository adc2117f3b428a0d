"""Readers of personal data in transcripts: spans to mask, counts, seconds to silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from callqa_assets.domain.pii.spans import PiiSpan
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import pii_spans, stage_notes

SegmentId = tuple[str, int, int]
"""recording_id, channel, segment_no."""


class PlaceInSound(NamedTuple):
    """Where something is said; seconds from the start of the recording."""

    channel: int
    start_s: float
    end_s: float
    kind: str
    part: str


_SPAN = ("start_char", "end_char", "kind", "checked", "confidence", "part")


def read_pii_spans(
    connection: sa.Connection, recording_ids: Sequence[str]
) -> Mapping[SegmentId, list[PiiSpan]]:
    """The spans of each segment of these recordings, for `mask_spans`; [] where there are none."""
    spans: defaultdict[SegmentId, list[PiiSpan]] = defaultdict(list)
    for ids in chunks(recording_ids):
        query = (
            sa.select(pii_spans)
            .where(pii_spans.c.recording_id.in_(ids))
            .order_by(*pii_spans.primary_key.columns)
        )
        for row in connection.execute(query):
            span = PiiSpan(**{name: getattr(row, name) for name in _SPAN})
            spans[row.recording_id, row.channel, row.segment_no].append(span)
    return spans


def count_pii(connection: sa.Connection, day: str) -> dict[str, int]:
    """Kind to its number of spans on a day."""
    query = (
        sa.select(pii_spans.c.kind, sa.func.count().label("spans"))
        .where(pii_spans.c.day == day)
        .group_by(pii_spans.c.kind)
        .order_by(pii_spans.c.kind)
    )
    return {row.kind: row.spans for row in connection.execute(query)}


def read_places_to_silence(
    connection: sa.Connection, recording_id: str, *, low_confidence: bool
) -> list[PlaceInSound]:
    """Where personal data is said in a recording; with `low_confidence`, what may be some, too."""
    query = (
        sa.select(*(pii_spans.c[name] for name in PlaceInSound._fields))
        .where(
            pii_spans.c.recording_id == recording_id,
            sa.true() if low_confidence else pii_spans.c.confidence == "high",
        )
        .order_by(*pii_spans.primary_key.columns)
    )
    return [PlaceInSound(*row) for row in connection.execute(query)]


def channels_hear_each_other(connection: sa.Connection, recording_id: str) -> bool:
    """Whether what one channel says is heard on another: one sound on both, or crosstalk."""
    query = sa.select(sa.func.count()).where(
        stage_notes.c.recording_id == recording_id,
        stage_notes.c.stage == "segments",
        stage_notes.c.note.in_(("dual_mono", "crosstalk")),
    )
    return connection.execute(query).scalar_one() > 0
