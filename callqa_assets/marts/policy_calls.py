"""Mart `policy_calls`: calls on topics that agents have to explain, and which points they made.

What is said on a `mixed` channel counts as the agent's: nobody else makes these points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from callqa_assets.domain.conversation.metrics import NEGATIVE
from callqa_assets.domain.days import date_key
from callqa_assets.domain.text.spoken_text import SpokenText
from callqa_assets.domain.topics.matching import find_points
from callqa_assets.domain.topics.topic_set import Topic, TopicSet
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    emotion_spans,
    fact_call,
    policy_call_points,
    policy_calls,
    topic_hits,
)
from resources.storage.config_files import read_topics_file

EXPLAINERS = ("agent", "mixed")
MIN_LABELLED_S = 3.0
"""Speech of the customer with a known emotion, without which nothing is said of how they are."""


class _Stretch(NamedTuple):
    start_s: float
    end_s: float


class _Span(NamedTuple):
    """A stretch of the customer's emotion."""

    start_s: float
    end_s: float
    emotion: str


def read_policies(context: MartContext) -> TopicSet:
    """The topics that have points."""
    topics = read_topics_file(context.configs / "topics.yaml").topics
    return TopicSet(tuple(topic for topic in topics if topic.points))


def compute(context: MartContext, day: str) -> MartRows:
    policies = read_policies(context)
    hits = _read_hits(context.connection, day, policies)
    ids = sorted({recording_id for recording_id, _ in hits})
    calls = _read_calls(context.connection, day)
    made = _find_made(context.connection, ids, policies)
    emotions = _read_emotions(context.connection, ids)
    by_name = {topic.name: topic for topic in policies.topics}
    rows: list[dict[str, Any]] = []
    point_rows: list[dict[str, Any]] = []
    for (recording_id, name), found in sorted(hits.items()):
        if recording_id not in calls:
            continue
        call, points = calls[recording_id], made[recording_id, name]
        key = {
            "date_key": call["date_key"],
            "call_key": call["call_key"],
            "topic": name,
            "recording_id": recording_id,
        }
        rows.append(
            {
                **key,
                **{n: call[n] for n in ("agent_key", "queue_key", "agent_talk_s")},
                "topic_s": min(stretch.start_s for _, stretch in found),
                **_describe_explanation(found, points, by_name[name], emotions[recording_id]),
            }
        )
        point_rows += _point_rows(key, by_name[name], points)
    return {policy_calls: rows, policy_call_points: point_rows}


def _describe_explanation(
    hits: Sequence[tuple[str, _Stretch]],
    points: dict[str, _Stretch],
    topic: Topic,
    emotions: Sequence[_Span],
) -> dict[str, Any]:
    own = [stretch for role, stretch in hits if role in EXPLAINERS]
    explained = [*own, *points.values()]
    until_s = max((stretch.end_s for stretch in explained), default=None)
    labelled_s, negative_s = _sum_after(emotions, until_s)
    return {
        "explained_from_s": min((stretch.start_s for stretch in explained), default=None),
        "explained_to_s": until_s,
        "points": len(topic.points),
        "points_said": len(points),
        "after_labelled_s": labelled_s,
        "after_negative_s": negative_s,
        "negative_after": negative_s > labelled_s / 2 if labelled_s >= MIN_LABELLED_S else None,
    }


def _sum_after(emotions: Sequence[_Span], from_s: float | None) -> tuple[float, float]:
    """Seconds of known and of negative emotion after a moment; none where there is no moment."""
    if from_s is None:
        return 0.0, 0.0
    after = [(e.emotion, e.end_s - max(e.start_s, from_s)) for e in emotions if e.end_s > from_s]
    known = [(emotion, s) for emotion, s in after if emotion != "unknown"]
    return sum(s for _, s in known), sum(s for emotion, s in known if emotion in NEGATIVE)


def _point_rows(
    key: dict[str, Any], topic: Topic, points: dict[str, _Stretch]
) -> Iterator[dict[str, Any]]:
    for point in topic.points:
        stretch = points.get(point.name)
        yield {
            **key,
            "point": point.name,
            "said": stretch is not None,
            "start_s": stretch and stretch.start_s,
            "end_s": stretch and stretch.end_s,
        }


def _read_hits(
    connection: sa.Connection, day: str, policies: TopicSet
) -> dict[tuple[str, str], list[tuple[str, _Stretch]]]:
    """(recording, topic) to the role and the stretch of each hit."""
    hits: defaultdict[tuple[str, str], list[tuple[str, _Stretch]]] = defaultdict(list)
    names = [topic.name for topic in policies.topics]
    hit = topic_hits.c
    query = sa.select(hit.recording_id, hit.topic, hit.role, hit.start_s, hit.end_s).where(
        hit.day == day, hit.topic.in_(names)
    )
    for recording_id, topic, role, *times in connection.execute(query):
        hits[recording_id, topic].append((role, _Stretch(*times)))
    return hits


def _read_calls(connection: sa.Connection, day: str) -> dict[str, sa.RowMapping]:
    call = fact_call.c
    columns = (call.date_key, call.call_key, call.recording_id, call.agent_key, call.queue_key)
    query = sa.select(*columns, call.agent_talk_s).where(call.date_key == date_key(day))
    return {row["recording_id"]: row for row in connection.execute(query).mappings()}


def _find_made(
    connection: sa.Connection, ids: Sequence[str], policies: TopicSet
) -> defaultdict[tuple[str, str], dict[str, _Stretch]]:
    """(recording, topic) to where each point that was made is made first."""
    spoken = read_spoken_segments(connection, ids)
    owned = [
        (recording_id, segment)
        for recording_id in ids
        for segment in spoken.get(recording_id, ())
        if segment.role in EXPLAINERS
    ]
    made: defaultdict[tuple[str, str], dict[str, _Stretch]] = defaultdict(dict)
    for found in find_points(policies, SpokenText([segment for _, segment in owned])):
        points = made[owned[found.segment][0], found.topic]
        stretch = _Stretch(found.start_s, found.end_s)
        points[found.point] = min(stretch, points.get(found.point, stretch))
    return made


def _read_emotions(connection: sa.Connection, ids: Sequence[str]) -> defaultdict[str, list[_Span]]:
    spans: defaultdict[str, list[_Span]] = defaultdict(list)
    span = emotion_spans.c
    query = sa.select(span.recording_id, span.start_s, span.end_s, span.emotion).where(
        span.role == "customer"
    )
    for some in chunks(ids):
        for recording_id, *own in connection.execute(query.where(span.recording_id.in_(some))):
            spans[recording_id].append(_Span(*own))
    return spans


MART = Mart(
    name="policy_calls",
    description="Calls on topics with points to explain: which points the agent made, and when.",
    tables=(policy_calls, policy_call_points),
    code_version="1",
    compute=compute,
    reads=("fact_call",),
    params=lambda context: {
        topic.name: [point.model_dump(mode="json") for point in topic.points]
        for topic in read_policies(context).topics
    },
)
