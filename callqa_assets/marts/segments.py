"""Mart `fact_segment`: what was said and how, personal data masked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.pii.masking import mask_spans, mask_texts
from callqa_assets.domain.pii.spans import PiiSpan
from callqa_assets.marts.day_calls import CallColumns, pick, read_day_calls
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    emotion_scores,
    fact_segment,
    pii_spans,
    stage_runs,
    transcripts,
)

Segment = dict[str, Any]


def _compute(context: MartContext, day: str) -> MartRows:
    calls = read_day_calls(context, day)
    return {fact_segment: _read_segments(context.connection, calls)}


def _read_segments(
    connection: sa.Connection, calls: Mapping[str, CallColumns]
) -> Iterator[Mapping[str, Any]]:
    """The day's rows, a few hundred calls at a time: a day's text need not fit in memory."""
    same = sa.and_(
        *(emotion_scores.c[key.name] == transcripts.c[key.name] for key in transcripts.primary_key)
    )
    query = (
        sa.select(
            *(column for column in transcripts.c if column.name in (*fact_segment.c.keys(), *_KEY)),
            emotion_scores.c.emotion,
            emotion_scores.c.confidence.label("emotion_confidence"),
        )
        .outerjoin(emotion_scores, same)
        .order_by(*transcripts.primary_key.columns)
    )
    for ids in chunks(list(calls)):
        rows = connection.execute(query.where(transcripts.c.recording_id.in_(ids))).mappings()
        masks = _Masks(connection, ids)
        for (recording_id, channel), segments in groupby(rows, itemgetter(*_KEY[:2])):
            own = list(segments)
            texts = masks.apply(recording_id, channel, own)
            for segment, text in zip(own, texts, strict=True):
                yield pick(segment, fact_segment) | calls[recording_id] | {"text": text}


_KEY = ("recording_id", "channel", "segment_no")


class _Masks:
    """What hides the personal data in the segments of some recordings."""

    def __init__(self, connection: sa.Connection, ids: Sequence[str]) -> None:
        searched = sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.recording_id.in_(ids),
            stage_runs.c.stage == "pii",
            stage_runs.c.status == "ok",
        )
        self._searched = set(connection.execute(searched).scalars())
        self._spans: defaultdict[tuple[Any, ...], list[PiiSpan]] = defaultdict(list)
        found = sa.select(pii_spans).where(pii_spans.c.recording_id.in_(ids))
        for row in connection.execute(found).mappings():
            span = PiiSpan(**{name: row[name] for name in PiiSpan.__annotations__})
            self._spans[itemgetter(*_KEY)(row)].append(span)

    def apply(
        self, recording_id: str, channel: int, segments: Iterable[Mapping[Any, Any]]
    ) -> list[str]:
        """The masked texts of a channel's segments.

        Where the stage `pii` gave a recording up, its texts are searched again: one must not be
        published because nothing is known of it.
        """
        if recording_id not in self._searched:
            return mask_texts([segment["text"] for segment in segments])
        return [
            mask_spans(
                segment["text"], self._spans.get((recording_id, channel, segment["segment_no"]), ())
            )
            for segment in segments
        ]


MART = Mart(
    name="fact_segment",
    description="What was said and how, a row for each segment; personal data is masked.",
    tables=(fact_segment,),
    code_version="1",
    compute=_compute,
)
