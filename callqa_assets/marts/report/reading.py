"""A daily report from the marts of its day, and the figures of the 28 days before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import Calendar, date_key, days_between, shift_day
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.statistics.spikes import TOLD_STATES
from callqa_assets.marts.report.content import (
    Alert,
    DailyReport,
    Figure,
    Gap,
    Hour,
    Kind,
    Queue,
    Repeat,
    ScriptItem,
    Spike,
    SpokenBar,
    Word,
)
from callqa_assets.warehouse.mart_days import Publication, read_publications
from callqa_assets.warehouse.tables import (
    dim_agent,
    dim_queue,
    dim_rule,
    dim_script_item,
    dim_topic,
    fact_alert,
    fact_call,
    fact_repeat_contact,
    fact_script_check,
    fact_segment,
    terms_contrast,
    topic_spikes,
)

DAYS_BEFORE = 28
ALERTS_SHOWN = 10
ROWS_SHOWN = 12


class ReportError(CallqaError):
    """There is no report of the day; the message says why."""


def read_daily_report(connection: sa.Connection, day: str, calendar: Calendar) -> DailyReport:
    """The report of a published day. Raises ReportError where it was never published."""
    before = days_between(shift_day(day, -DAYS_BEFORE), shift_day(day, -1))
    known = read_publications(connection, [*before, day])
    state = known.get(day)
    if state is None or state.published_at is None:
        reason = f": withheld ({state.reason})" if state else ""
        raise ReportError(
            f"{day} is not published{reason}; publish it first (`callqa publish --help`)"
        )
    published = [name for name, own in known.items() if own.published_at]
    alerts, alerts_all = _read_alerts(connection, day)
    repeats, repeats_all = _read_repeats(connection, day)
    return DailyReport(
        day=day,
        day_before=before[-1],
        days_before=tuple(before),
        published_at=calendar.localize(state.published_at),
        figures=tuple(_read_figures(connection, published)),
        hours=_read_hours(connection, day),
        queues=_read_queues(connection, day),
        alerts=alerts,
        alerts_all=alerts_all,
        spikes=_read_spikes(connection, day),
        script_items=_read_script_items(connection, day),
        words=_read_words(connection, day),
        repeats=repeats,
        repeats_all=repeats_all,
        gaps=tuple(_find_gaps(connection, state, len(before) + 1 - len(published))),
    )


_CALL = fact_call.c
_ONE = sa.literal(1)


def _number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """How many rows meet it; NULL does not."""
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _sum(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(value), 0)


def _sum_where_known(
    value: sa.ColumnElement[Any], other: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    return _sum(sa.case((other.is_not(None), value)))


_FIGURES: tuple[tuple[str, Kind, sa.ColumnElement[Any], sa.ColumnElement[Any]], ...] = (
    ("calls", "count", sa.func.count(), _ONE),
    ("duration", "seconds", _sum(_CALL.duration_s), sa.func.count()),
    ("unhappy", "share", _number(_CALL.is_unhappy.is_(True)), sa.func.count(_CALL.is_unhappy)),
    ("alerts_high", "count", _sum(_CALL.alerts_high), _ONE),
    (
        "silence",
        "share",
        _sum(_CALL.silence_s),
        _sum_where_known(_CALL.conversation_s, _CALL.silence_s),
    ),
    (
        "interrupted",
        "share",
        _number(_CALL.agent_interruptions > 0),
        sa.func.count(_CALL.agent_interruptions),
    ),
    ("script_missed", "share", _sum(_CALL.script_missed), _sum(_CALL.script_applicable)),
)
"""Name, kind, and over the calls of a day numerator and denominator."""


def _read_figures(connection: sa.Connection, days: Sequence[str]) -> Iterator[Figure]:
    names = {date_key(day): day for day in days}
    columns = [column for _, _, top, bottom in _FIGURES for column in (top, bottom)]
    query = (
        sa.select(_CALL.date_key, *(c.label(f"v{n}") for n, c in enumerate(columns)))
        .where(_CALL.date_key.in_(names))
        .group_by(_CALL.date_key)
    )
    rows = {names[key]: values for key, *values in connection.execute(query)}
    for number, (name, kind, _, _) in enumerate(_FIGURES):
        nothing = (0.0, 1.0 if kind == "count" else 0.0)
        yield Figure(
            name,
            kind,
            {
                day: (float(rows[day][2 * number]), float(rows[day][2 * number + 1]))
                if day in rows
                else nothing
                for day in days
            },
        )
    yield _read_repeat_share(connection, names)


def _read_repeat_share(connection: sa.Connection, names: dict[int, str]) -> Figure:
    repeat = fact_repeat_contact.c
    query = (
        sa.select(
            repeat.date_key, _number(repeat.is_repeat.is_(True)), sa.func.count(repeat.is_repeat)
        )
        .where(repeat.date_key.in_(names))
        .group_by(repeat.date_key)
    )
    by_day = {names[key]: (float(n), float(of)) for key, n, of in connection.execute(query)}
    return Figure("repeats", "share", by_day)


def _read_hours(connection: sa.Connection, day: str) -> tuple[Hour, ...]:
    hour = sa.extract("hour", _CALL.started_local)
    query = (
        sa.select(hour, sa.func.count(), _number(_CALL.is_unhappy.is_(True)))
        .where(_CALL.date_key == date_key(day))
        .group_by(hour)
    )
    found = {int(at): (calls, unhappy) for at, calls, unhappy in connection.execute(query)}
    return tuple(Hour(at, *found.get(at, (0, 0))) for at in range(24))


def _read_queues(connection: sa.Connection, day: str) -> tuple[Queue, ...]:
    query = (
        sa.select(
            dim_queue.c.queue,
            sa.func.count(),
            sa.func.count(_CALL.is_unhappy),
            _number(_CALL.is_unhappy.is_(True)),
            _sum(_CALL.alerts_high),
            _sum(_CALL.script_applicable),
            _sum(_CALL.script_missed),
        )
        .join_from(fact_call, dim_queue, _CALL.queue_key == dim_queue.c.queue_key)
        .where(_CALL.date_key == date_key(day))
        .group_by(dim_queue.c.queue)
        .order_by(sa.func.count().desc(), dim_queue.c.queue)
    )
    return tuple(Queue(*row) for row in connection.execute(query))


def _read_alerts(connection: sa.Connection, day: str) -> tuple[tuple[Alert, ...], int]:
    """The first ones, with their calls, and how many there are."""
    alert = fact_alert.c
    own = (alert.date_key == date_key(day), alert.mode == "live")
    total = connection.scalar(sa.select(sa.func.count()).select_from(fact_alert).where(*own)) or 0
    rank = sa.case({"high": 0, "medium": 1, "low": 2}, value=alert.priority, else_=3)
    same_call = (alert.date_key == _CALL.date_key) & (alert.call_key == _CALL.call_key)
    query = (
        sa.select(
            alert.call_key,
            dim_rule.c.rule,
            alert.priority,
            alert.channel,
            alert.role,
            dim_agent.c.agent_id,
            dim_queue.c.queue,
            _CALL.recording_id,
            _CALL.started_local,
            _CALL.duration_s,
            alert.start_s,
            alert.end_s,
            alert.peak,
        )
        .join_from(fact_alert, fact_call, same_call)
        .join(dim_rule, alert.rule_key == dim_rule.c.rule_key)
        .join(dim_agent, alert.agent_key == dim_agent.c.agent_key)
        .join(dim_queue, alert.queue_key == dim_queue.c.queue_key)
        .where(*own)
        .order_by(rank, alert.peak.desc(), alert.call_key, alert.alert_no)
        .limit(ALERTS_SHOWN)
    )
    rows = connection.execute(query).all()
    spoken = _read_spoken(connection, day, {row.call_key for row in rows})
    return tuple(Alert(*row[1:], spoken=tuple(spoken[row.call_key])) for row in rows), total


def _read_spoken(
    connection: sa.Connection, day: str, calls: Iterable[int]
) -> dict[int, list[SpokenBar]]:
    segment = fact_segment.c
    query = (
        sa.select(segment.call_key, *(segment[name] for name in SpokenBar.__annotations__))
        .where(segment.date_key == date_key(day), segment.call_key.in_(calls))
        .order_by(segment.start_s)
    )
    spoken: dict[int, list[SpokenBar]] = defaultdict(list)
    for call_key, *bar in connection.execute(query):
        spoken[call_key].append(SpokenBar(*bar))
    return spoken


def _read_spikes(connection: sa.Connection, day: str) -> tuple[Spike, ...]:
    spike = topic_spikes.c
    query = (
        sa.select(*(spike[name] for name in Spike.__annotations__))
        .where(
            spike.date_key == date_key(day),
            spike.state.in_(TOLD_STATES),
            spike.superseded_at.is_(None),
        )
        .order_by(spike.q_value, spike.topic)
    )
    return tuple(Spike(*row) for row in connection.execute(query))


def _read_script_items(connection: sa.Connection, day: str) -> tuple[ScriptItem, ...]:
    """The items that were missed or said against the rules, the most frequent first."""
    outcome = fact_script_check.c.outcome
    missed, forbidden = _number(outcome == "missed"), _number(outcome == "forbidden")
    item = dim_script_item.c
    query = (
        sa.select(
            item.script,
            item.item,
            _number(outcome != "not_applicable"),
            missed,
            _number(outcome == "unsure"),
            forbidden,
        )
        .join_from(
            fact_script_check,
            dim_script_item,
            fact_script_check.c.script_item_key == item.script_item_key,
        )
        .where(fact_script_check.c.date_key == date_key(day))
        .group_by(item.script, item.item)
        .having(missed + forbidden > 0)
        .order_by(forbidden.desc(), missed.desc(), item.script, item.item)
        .limit(ROWS_SHOWN)
    )
    return tuple(ScriptItem(*row) for row in connection.execute(query))


def _read_words(connection: sa.Connection, day: str) -> tuple[Word, ...]:
    """Those that customers say, or whoever it is in mono calls."""
    word = terms_contrast.c
    query = (
        sa.select(
            dim_queue.c.queue,
            word.role,
            word.term,
            word.unhappy_with,
            word.unhappy_calls,
            word.other_with,
            word.other_calls,
            word.odds_ratio,
        )
        .join_from(terms_contrast, dim_queue, word.queue_key == dim_queue.c.queue_key)
        .where(word.date_key == date_key(day), word.role != "agent", word.z > 0)
        .order_by(word.z.desc(), word.term)
        .limit(ROWS_SHOWN)
    )
    return tuple(Word(*row) for row in connection.execute(query))


def _read_repeats(connection: sa.Connection, day: str) -> tuple[tuple[Repeat, ...], int]:
    repeat = fact_repeat_contact.c
    own = (repeat.date_key == date_key(day), repeat.is_repeat.is_(True))
    total = connection.scalar(
        sa.select(sa.func.count()).select_from(fact_repeat_contact).where(*own)
    )
    same_call = (repeat.date_key == _CALL.date_key) & (repeat.call_key == _CALL.call_key)
    query = (
        sa.select(
            _CALL.recording_id,
            dim_topic.c.topic,
            dim_queue.c.queue,
            dim_agent.c.agent_id,
            repeat.repeat_after_s,
            repeat.repeat_after_workdays,
            repeat.chain_length,
        )
        .join_from(fact_repeat_contact, fact_call, same_call)
        .outerjoin(dim_topic, repeat.repeat_topic_key == dim_topic.c.topic_key)
        .join(dim_agent, repeat.agent_key == dim_agent.c.agent_key)
        .join(dim_queue, repeat.queue_key == dim_queue.c.queue_key)
        .where(*own)
        .order_by(repeat.chain_length.desc(), repeat.repeat_after_s, repeat.call_key)
        .limit(ROWS_SHOWN)
    )
    return tuple(Repeat(*row) for row in connection.execute(query)), total or 0


def _find_gaps(connection: sa.Connection, state: Publication, days_missing: int) -> Iterator[Gap]:
    """What is missing, and what cannot be known."""
    if state.reason:
        yield Gap("withheld", {"reason": state.reason})
    if state.calls_incomplete:
        yield Gap("incomplete", {"n": state.calls_incomplete, "of": state.calls})
    if days_missing:
        yield Gap("days_missing", {"n": days_missing})
    key = date_key(state.day)
    call = connection.execute(
        sa.select(
            sa.func.count().label("calls"),
            _number(_CALL.channels_ok.is_not(True)).label("not_separate"),
            _number(_CALL.is_unhappy.is_(None)).label("not_judged"),
        ).where(_CALL.date_key == key)
    ).one()
    if call.not_separate:
        yield Gap("not_separate", {"n": call.not_separate, "of": call.calls})
    if call.not_judged:
        yield Gap("not_judged", {"n": call.not_judged, "of": call.calls})
    repeat = fact_repeat_contact.c
    customers = connection.execute(
        sa.select(
            sa.func.count().label("calls"), _number(repeat.is_repeat.is_(None)).label("unknown")
        ).where(repeat.date_key == key)
    ).one()
    if customers.unknown:
        yield Gap("customers_unknown", {"n": customers.unknown, "of": customers.calls})
    young = connection.scalar(
        sa.select(sa.func.count())
        .select_from(topic_spikes)
        .where(topic_spikes.c.date_key == key, topic_spikes.c.state == "too_young")
    )
    if young:
        yield Gap("topics_too_young", {"n": young})
