"""Invariants of the rows that stages store, as queries for the recordings that violate them.

A run checks its own rows (blocking asset checks), and a day is published only if none of its rows
violates any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.warehouse.search import find_misindexed
from callqa_assets.warehouse.tables import (
    alerts,
    call_channel_metrics,
    call_metrics,
    emotion_scores,
    emotion_spans,
    pii_spans,
    recordings,
    rule_sets,
    script_checks,
    segments,
    stage_runs,
    topic_hits,
    transcripts,
)

MAX_SEGMENT_S = 30.0
_SLACK_S = 0.02  # two VAD frames: a recording need not end with a whole frame
_SUM_TOLERANCE = 1e-3
_HALF_A_MILLISECOND = 5e-4
_EVIDENCE = ("audio_sha256", "model_fingerprints", "found", "said")


@dataclass(frozen=True)
class RowsOfDay:
    """The rows of a stage on a day; with `run_id`, only those that the run stored."""

    connection: sa.Connection
    day: str
    stage: str
    run_id: str | None = None

    def holds(self, recording_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """True for recordings whose rows these are."""
        mine = sa.select(stage_runs.c.recording_id).where(
            stage_runs.c.stage == self.stage,
            stage_runs.c.status == "ok",
            stage_runs.c.day == self.day,
        )
        if self.run_id is not None:
            mine = mine.where(stage_runs.c.run_id == self.run_id)
        return recording_id.in_(mine)

    def read(self, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> list[str]:
        """The recordings that a query finds; one may be repeated."""
        return list(self.connection.execute(query).scalars())


@dataclass(frozen=True)
class Invariant:
    """One thing that must be true of a stage's rows."""

    stage: str
    name: str
    description: str
    find_violations: Callable[[RowsOfDay], list[str]]
    """Ids of the recordings whose rows violate it; one may be repeated."""


def _find_unsound_segments(rows: RowsOfDay) -> list[str]:
    after = sa.func.lead(segments.c.start_s).over(
        partition_by=(segments.c.recording_id, segments.c.channel), order_by=segments.c.segment_no
    )
    found = (
        sa.select(
            segments.c.recording_id, segments.c.start_s, segments.c.end_s, after.label("next_s")
        )
        .where(segments.c.day == rows.day, rows.holds(segments.c.recording_id))
        .subquery()
    )
    return rows.read(
        sa.select(found.c.recording_id)
        .join(recordings, recordings.c.recording_id == found.c.recording_id)
        .where(
            sa.or_(
                found.c.end_s > recordings.c.duration_s + _SLACK_S,
                found.c.end_s - found.c.start_s > MAX_SEGMENT_S + _SLACK_S,
                found.c.next_s < found.c.end_s - 1e-6,
            )
        )
    )


def _find_missing_transcripts(rows: RowsOfDay) -> list[str]:
    same = (
        (transcripts.c.recording_id == segments.c.recording_id)
        & (transcripts.c.channel == segments.c.channel)
        & (transcripts.c.segment_no == segments.c.segment_no)
    )
    return rows.read(
        sa.select(segments.c.recording_id)
        .outerjoin(transcripts, same)
        .where(
            segments.c.day == rows.day,
            segments.c.kind == "speech",
            rows.holds(segments.c.recording_id),
            sa.or_(
                transcripts.c.recording_id.is_(None),
                sa.not_(transcripts.c.confidence.between(0, 1)),
            ),
        )
    )


def _find_unsearchable(rows: RowsOfDay) -> list[str]:
    return find_misindexed(
        rows.connection, transcripts.c.day == rows.day, rows.holds(transcripts.c.recording_id)
    )


def _find_invalid_emotions(rows: RowsOfDay) -> list[str]:
    total = sum((emotion_scores.c[emotion] for emotion in EMOTIONS), sa.literal(0.0))
    wrong = sa.select(emotion_scores.c.recording_id).where(
        emotion_scores.c.day == rows.day,
        rows.holds(emotion_scores.c.recording_id),
        sa.or_(
            sa.func.abs(total - 1) > _SUM_TOLERANCE,
            *(emotion_scores.c[emotion] < 0 for emotion in EMOTIONS),
        ),
    )
    inside = sa.exists().where(
        emotion_scores.c.recording_id == emotion_spans.c.recording_id,
        emotion_scores.c.channel == emotion_spans.c.channel,
        emotion_scores.c.start_s <= emotion_spans.c.start_s + _SLACK_S,
        emotion_scores.c.end_s >= emotion_spans.c.end_s - _SLACK_S,
    )
    outside = sa.select(emotion_spans.c.recording_id).where(
        emotion_spans.c.day == rows.day, rows.holds(emotion_spans.c.recording_id), ~inside
    )
    return rows.read(wrong.union(outside))


def _find_alerts_without_ground(rows: RowsOfDay) -> list[str]:
    known = set(rows.connection.execute(sa.select(rule_sets.c.rule_hash)).scalars())
    found = rows.connection.execute(
        sa.select(alerts, recordings.c.duration_s)
        .join(recordings, recordings.c.recording_id == alerts.c.recording_id)
        .where(
            alerts.c.day == rows.day,
            alerts.c.superseded_at.is_(None),
            rows.holds(alerts.c.recording_id),
        )
    )
    return [
        alert.recording_id
        for alert in found
        if not all(alert.evidence.get(key) is not None for key in _EVIDENCE)
        or alert.rule_hash not in known
        or not 0 <= alert.started_s < alert.ended_s <= alert.duration_s + _SLACK_S
    ]


def _find_times_that_do_not_add_up(rows: RowsOfDay) -> list[str]:
    """Calls of two speakers whose talk, overlap, silence and holds are not the conversation."""
    talk = (
        sa.select(
            call_channel_metrics.c.recording_id,
            sa.func.sum(call_channel_metrics.c.talk_s).label("talk_s"),
        )
        .where(call_channel_metrics.c.day == rows.day)
        .group_by(call_channel_metrics.c.recording_id)
        .subquery()
    )
    metrics = call_metrics.c
    total = (
        talk.c.talk_s
        - metrics.overlap_s
        + sa.func.coalesce(metrics.silence_s, 0.0)
        + sa.func.coalesce(metrics.hold_s, 0.0)
    )
    return rows.read(
        sa.select(metrics.recording_id)
        .join(talk, talk.c.recording_id == metrics.recording_id)
        .where(
            metrics.day == rows.day,
            rows.holds(metrics.recording_id),
            metrics.overlap_s.is_not(None),
            sa.func.abs(total - metrics.conversation_s) > _HALF_A_MILLISECOND,
        )
    )


def _find_script_checks_without_words(rows: RowsOfDay) -> list[str]:
    words = script_checks.c.matched_text
    return rows.read(
        sa.select(script_checks.c.recording_id)
        .join(recordings, recordings.c.recording_id == script_checks.c.recording_id)
        .where(
            script_checks.c.day == rows.day,
            rows.holds(script_checks.c.recording_id),
            sa.or_(
                (script_checks.c.outcome == "forbidden") & words.is_(None),
                words.is_not(None)
                & sa.or_(
                    script_checks.c.start_s.is_(None),
                    script_checks.c.start_s < 0,
                    script_checks.c.end_s <= script_checks.c.start_s,
                    script_checks.c.end_s > recordings.c.duration_s + _SLACK_S,
                ),
            ),
        )
    )


def _find_misplaced_pii(rows: RowsOfDay) -> list[str]:
    same = (
        (transcripts.c.recording_id == pii_spans.c.recording_id)
        & (transcripts.c.channel == pii_spans.c.channel)
        & (transcripts.c.segment_no == pii_spans.c.segment_no)
    )
    return rows.read(
        sa.select(pii_spans.c.recording_id)
        .outerjoin(transcripts, same)
        .where(
            pii_spans.c.day == rows.day,
            rows.holds(pii_spans.c.recording_id),
            sa.or_(
                transcripts.c.recording_id.is_(None),
                pii_spans.c.end_char > sa.func.length(transcripts.c.text),
                pii_spans.c.raw_end_char > sa.func.length(transcripts.c.text_raw),
                pii_spans.c.start_s < transcripts.c.start_s - _SLACK_S,
                pii_spans.c.end_s > transcripts.c.end_s + _SLACK_S,
            ),
        )
    )


def _find_misplaced_topics(rows: RowsOfDay) -> list[str]:
    same = (
        (segments.c.recording_id == topic_hits.c.recording_id)
        & (segments.c.channel == topic_hits.c.channel)
        & (segments.c.segment_no == topic_hits.c.segment_no)
    )
    return rows.read(
        sa.select(topic_hits.c.recording_id)
        .outerjoin(segments, same)
        .where(
            topic_hits.c.day == rows.day,
            rows.holds(topic_hits.c.recording_id),
            sa.or_(
                segments.c.recording_id.is_(None),
                topic_hits.c.start_s < segments.c.start_s - _SLACK_S,
                topic_hits.c.start_s > segments.c.end_s + _SLACK_S,
                topic_hits.c.end_s < topic_hits.c.start_s,
            ),
        )
    )


INVARIANTS = (
    Invariant(
        "segments",
        "segments_are_sound",
        "Segments lie inside their recording, in order, without overlap, none longer than 30 s.",
        _find_unsound_segments,
    ),
    Invariant(
        "transcripts",
        "every_segment_has_a_transcript",
        "One transcript for each segment of speech, with a confidence from 0 to 1.",
        _find_missing_transcripts,
    ),
    Invariant(
        "transcripts",
        "every_text_is_searchable",
        "Every text with a letter or digit has its entry in the search index, made of that text.",
        _find_unsearchable,
    ),
    Invariant(
        "emotions",
        "posteriors_are_sound",
        "Posteriors are non-negative and sum to 1, and spans lie inside segments.",
        _find_invalid_emotions,
    ),
    Invariant(
        "alerts",
        "alerts_carry_evidence",
        "Every alert names audio, models, rules and window values, and lies inside its call.",
        _find_alerts_without_ground,
    ),
    Invariant(
        "conversation",
        "times_add_up",
        "On two channels talk + talk - overlap + silence + hold is the conversation.",
        _find_times_that_do_not_add_up,
    ),
    Invariant(
        "scripts",
        "script_checks_carry_evidence",
        "Every forbidden phrase names the words, and all words lie inside their call.",
        _find_script_checks_without_words,
    ),
    Invariant(
        "pii",
        "pii_lies_in_transcripts",
        "Every span of personal data lies inside the texts and the seconds of its segment.",
        _find_misplaced_pii,
    ),
    Invariant(
        "topics",
        "topics_lie_in_segments",
        "Every hit of a topic lies in its segment of speech.",
        _find_misplaced_topics,
    ),
)


def find_violations(connection: sa.Connection, day: str) -> dict[str, list[str]]:
    """Name of each invariant that rows of the day violate, with the recordings, ascending."""
    found = {
        invariant.name: invariant.find_violations(RowsOfDay(connection, day, invariant.stage))
        for invariant in INVARIANTS
    }
    return {name: sorted(set(ids)) for name, ids in found.items() if ids}
