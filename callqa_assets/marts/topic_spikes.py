"""Mart `topic_spikes`: topics of which a day has more calls than the 56 days before let expect.

Days are compared only if most of their calls were transcribed by the same recogniser with the same
hotwords, and searched for the same phrases: a new recogniser would be the biggest spike of all.
What was told is never un-said: a spike that a recomputation does not find is superseded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.alerts.spike_notice import SpikeNotice
from callqa_assets.domain.days import date_key, days_between, shift_day
from callqa_assets.domain.digest import digest
from callqa_assets.domain.statistics.spikes import (
    DEFAULT_SPIKES,
    TOLD_STATES,
    Finding,
    TopicHistory,
    day_class,
    judge_topics,
)
from callqa_assets.domain.workdays import Workdays
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import fact_call, topic_daily, topic_hits, topic_spikes
from resources.storage.config_files import (
    TOPICS_FILE,
    WORKDAYS_FILE,
    read_topics_file,
    read_workdays,
)

MIN_SAME_SHARE = 0.9
"""Share of a day's calls that must have been made as those of the day compared with it."""


@dataclass(frozen=True)
class _QueueDay:
    """A topic in one queue on one day."""

    calls: int
    calls_all: int
    made_by: tuple[str, str]
    """Recogniser and definition."""


_TopicDay = Mapping[int, _QueueDay]
"""A topic on one day, by queue."""


def compute(context: MartContext, day: str) -> MartRows:
    days = _read_days(context.connection, day)
    agents = _count_agents(context.connection, day)
    workdays = _read_workdays(context)
    today = days.get(day, {})
    histories = [
        _compare(topic, agents.get(topic), own, days, workdays)
        for topic, own in sorted(today.items())
    ]
    findings = judge_topics(histories, _class_of(day, workdays))
    rows = [
        _row(day, history, finding) for history, finding in zip(histories, findings, strict=True)
    ]
    return {topic_spikes: [*rows, *_read_superseded(context.connection, day, rows)]}


def _read_days(connection: sa.Connection, day: str) -> dict[str, dict[str, dict[int, _QueueDay]]]:
    """Day to topic to its queues, of the day and of those before it in the window."""
    first = shift_day(day, -DEFAULT_SPIKES.window_days)
    by_key = {date_key(one): one for one in days_between(first, day)}
    found: dict[str, dict[str, dict[int, _QueueDay]]] = defaultdict(lambda: defaultdict(dict))
    query = sa.select(topic_daily).where(
        topic_daily.c.date_key.between(date_key(first), date_key(day))
    )
    for row in connection.execute(query):
        found[by_key[row.date_key]][row.topic][row.queue_key] = _QueueDay(
            row.calls, row.calls_all, (row.recogniser, row.definition)
        )
    return found


def _count_agents(connection: sa.Connection, day: str) -> dict[str, int]:
    """Topic to the number of known agents who speak of it; none where no agent is known."""
    query = (
        sa.select(
            topic_hits.c.topic, sa.func.count(fact_call.c.agent_key.distinct()).label("agents")
        )
        .join(fact_call, fact_call.c.recording_id == topic_hits.c.recording_id)
        .where(
            topic_hits.c.day == day,
            fact_call.c.date_key == date_key(day),
            fact_call.c.agent_key != 0,
        )
        .group_by(topic_hits.c.topic)
    )
    return {row.topic: row.agents for row in connection.execute(query)}


def _compare(
    topic: str,
    agents: int | None,
    today: _TopicDay,
    days: Mapping[str, Mapping[str, _TopicDay]],
    workdays: Workdays,
) -> TopicHistory:
    """The topic today, and on the days of the window that can be compared with today."""
    comparable = {
        day: topics[topic]
        for day, topics in sorted(days.items())
        if topic in topics and topics[topic] is not today and _is_same(topics[topic], today)
    }
    return TopicHistory(
        topic,
        sum(queue.calls for queue in today.values()),
        _total(today),
        agents,
        [sum(queue.calls for queue in own.values()) for own in comparable.values()],
        [_total(own) for own in comparable.values()],
        [_class_of(day, workdays) for day in comparable],
    )


def _is_same(earlier: _TopicDay, today: _TopicDay) -> bool:
    """Whether most calls of a day, in queues that today has, were made as today's."""
    common = {key: queue for key, queue in earlier.items() if key in today}
    same = sum(q.calls_all for key, q in common.items() if q.made_by == today[key].made_by)
    total = sum(queue.calls_all for queue in common.values())
    return total > 0 and same >= MIN_SAME_SHARE * total


def _total(queues: _TopicDay) -> int:
    return sum(queue.calls_all for queue in queues.values())


def _class_of(day: str, workdays: Workdays) -> int:
    return day_class(date.fromisoformat(day).weekday(), workdays.is_workday(day))


def _row(day: str, history: TopicHistory, finding: Finding) -> dict[str, Any]:
    expected = finding.expected
    return {
        "date_key": date_key(day),
        "topic": history.topic,
        "state": finding.state,
        "calls": history.calls,
        "calls_all": history.total,
        "agents": history.agents or 0,
        "days": finding.days,
        "expected": expected,
        "ratio": None if expected is None else history.calls / expected,
        "p_value": finding.p_value,
        "q_value": finding.q_value,
        "superseded_at": None,
    }


def _read_superseded(
    connection: sa.Connection, day: str, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What was told of the day and is no longer found, as it was told."""
    found = {(row["topic"], row["state"]) for row in rows}
    query = sa.select(topic_spikes).where(
        topic_spikes.c.date_key == date_key(day), topic_spikes.c.state.in_(TOLD_STATES)
    )
    now = datetime.now(UTC)
    return [
        {**told, "superseded_at": told["superseded_at"] or now}
        for told in connection.execute(query).mappings()
        if (told["topic"], told["state"]) not in found
    ]


def find_notices(context: MartContext, day: str) -> Iterator[tuple[SpikeNotice, Sequence[str]]]:
    """The day's spikes of topics whose receivers are to be told, by topic."""
    found = (
        sa.select(topic_spikes)
        .where(
            topic_spikes.c.date_key == date_key(day),
            topic_spikes.c.state.in_(TOLD_STATES),
            topic_spikes.c.superseded_at.is_(None),
        )
        .order_by(topic_spikes.c.topic)
    )
    rows = context.connection.execute(found).all()
    topics = read_topics_file(context.configs / TOPICS_FILE).topics if rows else ()
    defined = {topic.name: topic for topic in topics}
    for row in rows:
        topic = defined.get(row.topic)
        if topic is not None and topic.channels:
            names = topic.display.model_dump() if topic.display else {}
            yield (
                SpikeNotice(
                    day=day,
                    topic=row.topic,
                    names=names,
                    is_new=row.state == "new",
                    calls=row.calls,
                    calls_all=row.calls_all,
                    expected=row.expected,
                    days=row.days,
                    run_id=None,
                ),
                topic.channels,
            )


def _read_workdays(context: MartContext) -> Workdays:
    return read_workdays(context.configs / WORKDAYS_FILE)


def _params(context: MartContext) -> Mapping[str, Any]:
    special = _read_workdays(context).special
    return {
        **asdict(DEFAULT_SPIKES),
        "min_same_share": MIN_SAME_SHARE,
        "workdays": digest({day: own.is_workday for day, own in special.items()}),
    }


MART = Mart(
    name="topic_spikes",
    description="Topics of which the day has more calls than the 56 days before let expect.",
    tables=(topic_spikes,),
    code_version="1",
    compute=compute,
    days_before=DEFAULT_SPIKES.window_days,
    reads=("fact_call", "topic_daily"),
    find_notices=find_notices,
    params=_params,
)
