"""Calls as programs and pages show them: what was said, felt and alerted, by recording."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.pii.masking import mask_identifier, mask_texts
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    alerts,
    emotion_scores,
    emotion_spans,
    recordings,
    segments,
    transcripts,
)

_UPLOADED = re.compile(r"^[0-9a-f]{32}/[0-9]+/")
"""Where an uploaded file lay: nobody named it so."""
_FACTS = ("call_id", "agent_id", "queue", "line", "language")


@dataclass(frozen=True)
class CallFilter:
    """Which calls are listed; None: all."""

    recording_ids: Sequence[str] | None = None
    day: str | None = None
    agent: str | None = None
    emotion: str | None = None
    """Of at least one segment."""
    has_alert: bool | None = None


Place = tuple[datetime, str]
"""(started_at, recording_id): where a page of calls ends."""


def list_calls(
    connection: sa.Connection, chosen: CallFilter, before: Place | None, limit: int
) -> list[str]:
    """Ids of good recordings, the newest calls first, after those of the page before."""
    query = sa.select(recordings.c.recording_id).where(recordings.c.status == "ok")
    if chosen.day is not None:
        query = query.where(recordings.c.day == chosen.day)
    if chosen.agent is not None:
        query = query.where(recordings.c.agent_id == chosen.agent)
    if chosen.emotion is not None:
        query = query.where(
            _of_call(emotion_scores).where(emotion_scores.c.emotion == chosen.emotion).exists()
        )
    if chosen.has_alert is not None:
        alerted = _of_call(alerts).where(alerts.c.superseded_at.is_(None)).exists()
        query = query.where(alerted if chosen.has_alert else ~alerted)
    if before is not None:
        moment, recording_id = before
        query = query.where(
            sa.tuple_(recordings.c.started_at, recordings.c.recording_id)
            < sa.tuple_(sa.literal(moment, recordings.c.started_at.type), sa.literal(recording_id))
        )
    query = query.order_by(recordings.c.started_at.desc(), recordings.c.recording_id.desc()).limit(
        limit
    )
    if chosen.recording_ids is None:
        return list(connection.execute(query).scalars())
    found: list[tuple[Any, str]] = []
    for ids in chunks(list(chosen.recording_ids)):
        some = query.add_columns(recordings.c.started_at).where(recordings.c.recording_id.in_(ids))
        found += [(row.started_at, row.recording_id) for row in connection.execute(some)]
    return [recording_id for _, recording_id in sorted(found, reverse=True)[:limit]]


def _of_call(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table.c.recording_id).where(table.c.recording_id == recordings.c.recording_id)


def read_calls(
    connection: sa.Connection,
    recording_ids: Sequence[str],
    *,
    masked: bool,
    with_words: bool = False,
) -> dict[str, dict[str, Any]]:
    """Recording to its call, JSON-serialisable; seconds count from the start of the recording.

    Args:
        masked: Numbers, names and addresses in texts, and phone numbers in ids, are masked; there
            are no words then.
    """
    found: dict[str, dict[str, Any]] = {}
    for ids in chunks(list(recording_ids)):
        said = _read_segments(connection, ids, masked=masked, with_words=with_words)
        fired = _read_alerts(connection, ids)
        query = sa.select(recordings).where(recordings.c.recording_id.in_(ids))
        for row in connection.execute(query):
            shown = mask_identifier if masked else str
            facts = {name: getattr(row, name) for name in _FACTS}
            found[row.recording_id] = {
                "recording_id": row.recording_id,
                "name": shown_name(_UPLOADED.sub("", row.source_name)),
                "day": row.day,
                "started_at": row.started_at.isoformat(),
                "duration_s": row.duration_s,
                "channel_roles": row.channel_roles,
                **{k: v if v is None else shown(v) for k, v in facts.items()},
                "hotwords": row.hotwords.splitlines() if row.hotwords else [],
                "segments": said[row.recording_id],
                "alerts": fired[row.recording_id],
            }
    return found


def _read_segments(
    connection: sa.Connection, ids: Sequence[str], *, masked: bool, with_words: bool
) -> Mapping[str, list[dict[str, Any]]]:
    """Segments of speech by time."""
    same = ("recording_id", "channel", "segment_no")
    joined = segments.outerjoin(
        transcripts, sa.and_(*(transcripts.c[name] == segments.c[name] for name in same))
    ).outerjoin(
        emotion_scores, sa.and_(*(emotion_scores.c[name] == segments.c[name] for name in same))
    )
    columns = [
        *(segments.c[name] for name in (*same, "role", "start_s", "end_s")),
        *(transcripts.c[name] for name in ("language", "text", "text_raw", "confidence")),
        emotion_scores.c.emotion,
        emotion_scores.c.confidence.label("emotion_confidence"),
        *(emotion_scores.c[emotion] for emotion in EMOTIONS),
    ]
    if with_words and not masked:
        columns.append(transcripts.c.words)
    query = (
        sa.select(*columns)
        .select_from(joined)
        .where(segments.c.recording_id.in_(ids), segments.c.kind == "speech")
        .order_by(segments.c.recording_id, segments.c.channel, segments.c.segment_no)
    )
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(query):
        values = row._asdict()
        scores = {emotion: values.pop(emotion) for emotion in EMOTIONS}
        values["scores"] = None if values["emotion"] is None else scores
        found[values.pop("recording_id")].append(values)
    for own in found.values():
        if masked:
            _mask(own)
        own.sort(key=lambda segment: (segment["start_s"], segment["channel"]))
    return found


def read_spans(connection: sa.Connection, recording_id: str) -> list[dict[str, Any]]:
    """The emotion timeline of a call, by channel and time."""
    columns = ("channel", "start_s", "end_s", "emotion", "confidence")
    query = (
        sa.select(*(emotion_spans.c[name] for name in columns))
        .where(emotion_spans.c.recording_id == recording_id)
        .order_by(emotion_spans.c.channel, emotion_spans.c.start_s)
    )
    return [row._asdict() for row in connection.execute(query)]


def _mask(own: Sequence[dict[str, Any]]) -> None:
    """Mask a call's texts; those of a channel together, as a number may go on after a pause."""
    for channel in {segment["channel"] for segment in own}:
        of_channel = [segment for segment in own if segment["channel"] == channel]
        for name in ("text", "text_raw"):
            texts = mask_texts([segment[name] or "" for segment in of_channel])
            for segment, text in zip(of_channel, texts, strict=True):
                segment[name] = text


def _read_alerts(
    connection: sa.Connection, ids: Sequence[str]
) -> Mapping[str, list[dict[str, Any]]]:
    """Alerts in force, by time."""
    query = (
        sa.select(
            *(
                alerts.c[name]
                for name in (
                    *("recording_id", "alert_id", "rule", "priority", "mode", "channel", "role"),
                    *("started_s", "ended_s", "fired_at_s", "peak", "needs_review"),
                )
            )
        )
        .where(alerts.c.recording_id.in_(ids), alerts.c.superseded_at.is_(None))
        .order_by(alerts.c.recording_id, alerts.c.started_s, alerts.c.alert_id)
    )
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(query):
        values = row._asdict()
        found[values.pop("recording_id")].append(values)
    return found
