"""Writers and readers of the stages' rows, a batch of recordings at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    emotion_scores,
    emotion_spans,
    recordings,
    segments,
    stage_notes,
)

Rows = Mapping[sa.Table, Sequence[Mapping[str, Any]]]
"""A recording's rows by table, without `recording_id` and `day`."""


class SegmentKey(TypedDict):
    """Columns of a stored segment that the rows made from it repeat; seconds from the start."""

    channel: int
    segment_no: int
    role: str
    start_s: float
    end_s: float


RowsWriter = Callable[[sa.Connection, Mapping[str, str], Mapping[str, Rows]], None]
"""(connection, day by recording, rows by recording)."""


class Note(NamedTuple):
    """Something that a stage left out, guessed or doubts; never anything that was said."""

    note: str
    """What kind, e.g. `doubtful_language`."""
    detail: str
    channel: int | None = None
    """None: the recording as a whole."""
    start_s: float | None = None
    """None: all of it."""
    end_s: float | None = None


def rows_writer(stage: str) -> RowsWriter:
    """What makes `rows` the only rows of these recordings in each of the tables named.

    Of `stage_notes`, which all stages share, it replaces those of `stage`: the table is always to
    be named, with rows made by `note_rows`.
    """

    def write(connection: sa.Connection, days: Mapping[str, str], rows: Mapping[str, Rows]) -> None:
        for table in {table: None for own in rows.values() for table in own}:
            own_rows = table.c.stage == stage if table is stage_notes else sa.true()
            for ids in chunks(list(rows)):
                connection.execute(sa.delete(table).where(table.c.recording_id.in_(ids), own_rows))
            values = [
                {**row, "recording_id": recording_id, "day": days[recording_id]}
                for recording_id, own in rows.items()
                for row in own.get(table, ())
            ]
            if values:
                connection.execute(sa.insert(table), values)

    return write


def note_rows(stage: str, notes: Iterable[Note]) -> list[dict[str, Any]]:
    """Rows of `stage_notes` for one recording."""
    return [
        {"stage": stage, "note_no": number, **note._asdict()} for number, note in enumerate(notes)
    ]


def read_speech(connection: sa.Connection, recording_id: str) -> list[SegmentKey]:
    """The recording's segments of speech by channel and number."""
    query = (
        sa.select(*(segments.c[name] for name in SegmentKey.__annotations__))
        .where(segments.c.recording_id == recording_id, segments.c.kind == "speech")
        .order_by(segments.c.channel, segments.c.segment_no)
    )
    return [SegmentKey(**row) for row in connection.execute(query).mappings()]


def named_embeddings(connection: sa.Connection, day: str) -> dict[str, set[str]]:
    """Recording to the lake files that its emotion scores name, for the day's recordings."""
    query = (
        sa.select(recordings.c.recording_id, emotion_scores.c.embedding_path)
        .distinct()
        .outerjoin(emotion_scores, emotion_scores.c.recording_id == recordings.c.recording_id)
        .where(recordings.c.day == day)
    )
    named: dict[str, set[str]] = {}
    for recording_id, path in connection.execute(query):
        named.setdefault(recording_id, set()).update([path] if path else [])
    return named


def read_emotion_hours(connection: sa.Connection, day: str, zone: ZoneInfo) -> pl.DataFrame:
    """Speech seconds of a day by local hour of the call's start and emotion.

    Columns: hour (0..23), emotion, seconds.
    """
    query = sa.select(
        recordings.c.started_at,
        emotion_spans.c.emotion,
        emotion_spans.c.start_s,
        emotion_spans.c.end_s,
    ).join(recordings, recordings.c.recording_id == emotion_spans.c.recording_id)
    rows = connection.execute(query.where(emotion_spans.c.day == day))
    return (
        pl.DataFrame(
            [
                (row.started_at.astimezone(zone).hour, row.emotion, row.end_s - row.start_s)
                for row in rows
            ],
            schema={"hour": pl.Int32, "emotion": pl.String, "seconds": pl.Float64},
            orient="row",
        )
        .group_by("hour", "emotion")
        .agg(pl.col("seconds").sum())
        .sort("hour", "emotion")
    )
