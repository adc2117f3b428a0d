"""Mart `topic_daily`: how many calls of a day speak of each topic, by queue."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.domain.digest import digest, hash_json
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.domain.topics.topic_set import is_sought_in
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import topic_daily, topic_hits
from callqa_assets.warehouse.topics import (
    Search,
    read_calls,
    read_queue_names,
    read_search_params,
    read_searches,
)


def compute(context: MartContext, day: str) -> MartRows:
    connection = context.connection
    calls = read_calls(connection, day)
    searches = {i: s for i, s in read_searches(connection, day).items() if i in calls}
    by_queue: defaultdict[int, list[str]] = defaultdict(list)
    for recording_id in searches:
        by_queue[calls[recording_id].queue_key].append(recording_id)
    hits = _count_hits(connection, day)
    names = read_queue_names(connection)
    params = read_search_params(connection, {s.topics for s in searches.values()})
    rows: list[dict[str, Any]] = []
    for queue_key, own in sorted(by_queue.items()):
        most = _find_most_common([searches[recording_id] for recording_id in own])
        queue = names.get(queue_key)
        recogniser = digest(most.transcripts, _read_hotwords(params[most.topics], queue))
        for topic, definition in _sought(params[most.topics], queue):
            found = [i for i in own if topic in hits.get(i, ())]
            agents = {calls[recording_id].agent_key for recording_id in found} - {0}
            rows.append(
                {
                    "date_key": date_key(day),
                    "queue_key": queue_key,
                    "topic": topic,
                    "calls": len(found),
                    "calls_all": len(own),
                    "agents": len(agents),
                    "hits": sum(hits[recording_id][topic] for recording_id in found),
                    "share": len(found) / len(own),
                    "recogniser": recogniser,
                    "definition": definition,
                }
            )
    return {topic_daily: rows}


def _count_hits(connection: sa.Connection, day: str) -> dict[str, Counter[str]]:
    """Recording to topic to its number of hits."""
    query = (
        sa.select(topic_hits.c.recording_id, topic_hits.c.topic, sa.func.count())
        .where(topic_hits.c.day == day)
        .group_by(topic_hits.c.recording_id, topic_hits.c.topic)
    )
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for recording_id, topic, hits in connection.execute(query):
        counted[recording_id][topic] = hits
    return counted


def _find_most_common(searches: Sequence[Search]) -> Search:
    counted = Counter(searches)
    return max(counted, key=lambda search: (counted[search], search.topics, search.transcripts))


def _read_hotwords(params: Mapping[str, Any], queue: str | None) -> Sequence[str]:
    lists = {name: tuple(words) for name, words in params["hotwords"].items()}
    return HotwordLists(lists).of(queue)


def _sought(params: Mapping[str, Any], queue: str | None) -> Iterator[tuple[str, str]]:
    """Each topic that is looked for in the queue, with the hash of what is looked for."""
    for topic, search in sorted(params["topics"].items()):
        if is_sought_in(search["queue"], queue):
            yield topic, hash_json(search)


MART = Mart(
    name="topic_daily",
    description="Topics of the day by queue, and how many calls speak of them.",
    tables=(topic_daily,),
    code_version="1",
    compute=compute,
    reads=("fact_call",),
)
