"""Mart `fact_segment`: what was said and how, personal data masked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.pii.masking import mask_spans, mask_texts
from callqa_assets.domain.pii.spans import PiiSpan
from callqa_assets.marts.facts import select_fact
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import (
    emotion_scores,
    fact_segment,
    pii_spans,
    stage_runs,
    transcripts,
)

_KEY = ("call_key", "channel", "segment_no")


def _compute(context: MartContext, day: str) -> MartRows:
    return {fact_segment: _find_segments(context.connection, day)}


def _find_segments(
    connection: sa.Connection, day: str
) -> Iterator[sa.Select[Any] | dict[str, Any]]:
    """Nearly all segments hold no personal data: the database copies them itself.

    Where the stage `pii` gave a recording up, all its texts are searched here: one must not be
    published because nothing is known of it.
    """
    segments = _select_segments(day)
    is_searched = transcripts.c.recording_id.in_(
        sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.day == day, stage_runs.c.stage == "pii", stage_runs.c.status == "ok"
        )
    )
    is_personal = sa.exists().where(_same_segment(pii_spans))
    yield segments.where(is_searched, ~is_personal)
    yield from _mask_known(connection, day, segments.where(is_searched, is_personal))
    yield from _mask_unsearched(connection, segments.where(~is_searched))


def _select_segments(day: str) -> sa.Select[Any]:
    return select_fact(
        fact_segment,
        transcripts,
        day,
        emotion_scores.c.emotion,
        emotion_scores.c.confidence.label("emotion_confidence"),
    ).outerjoin(emotion_scores, _same_segment(emotion_scores))


def _same_segment(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        *(table.c[key.name] == transcripts.c[key.name] for key in transcripts.primary_key)
    )


def _mask_known(
    connection: sa.Connection, day: str, segments: sa.Select[Any]
) -> Iterator[dict[str, Any]]:
    """Segments with personal data in the places that `pii_spans` names."""
    names = list(PiiSpan.__annotations__)
    found = select_fact(fact_segment, pii_spans, day, *(pii_spans.c[name] for name in names))
    spans: defaultdict[tuple[Any, ...], list[PiiSpan]] = defaultdict(list)
    for row in connection.execute(found).mappings():
        spans[itemgetter(*_KEY)(row)].append(PiiSpan(**{name: row[name] for name in names}))
    for row in connection.execute(segments).mappings():
        yield {**row, "text": mask_spans(row["text"], spans[itemgetter(*_KEY)(row)])}


def _mask_unsearched(
    connection: sa.Connection, segments: sa.Select[Any]
) -> Iterator[dict[str, Any]]:
    rows = connection.execute(segments.order_by(*(segments.selected_columns[k] for k in _KEY)))
    for _, channel in groupby(rows.mappings(), itemgetter(*_KEY[:2])):
        own = list(channel)
        for row, text in zip(own, mask_texts([row["text"] for row in own]), strict=True):
            yield {**row, "text": text}


MART = Mart(
    name="fact_segment",
    description="What was said and how, a row for each segment; personal data is masked.",
    tables=(fact_segment,),
    code_version="1",
    compute=_compute,
    reads=("fact_call",),
)
