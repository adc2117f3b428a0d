"""Mart `fact_call`: calls, their channels and the quarters of their conversations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.conversation.metrics import NEGATIVE
from callqa_assets.domain.days import date_key
from callqa_assets.domain.digest import digest
from callqa_assets.marts.facts import select_fact
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.marts.script_checks import count_script_checks
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse.dimensions import find_or_add_keys, midnight, store_dates
from callqa_assets.warehouse.tables import (
    alerts,
    call_channel_metrics,
    call_keys,
    call_metrics,
    call_quarters,
    dim_agent,
    dim_model_set,
    dim_queue,
    fact_call,
    fact_call_channel,
    fact_call_quarter,
    fingerprints,
    recordings,
    stage_runs,
    topic_hits,
)
from resources.storage.config_files import WORKDAYS_FILE, read_workdays

_MODELS = {"segments": "vad_model", "transcripts": "asr_model", "emotions": "emotion_model"}
"""Stage to the column of its model in `dim_model_set`."""
_CUSTOMER_SIDE = ("customer", "mixed")

Row = Mapping[Any, Any]
Rows = Sequence[Row]


def _compute(context: MartContext, day: str) -> MartRows:
    workdays = read_workdays(context.configs / WORKDAYS_FILE)
    store_dates(context.connection, context.calendar, workdays)
    return {
        fact_call: _make_calls(context, day),
        fact_call_channel: [
            select_fact(
                fact_call_channel, call_channel_metrics, day, call_metrics.c.conversation_s
            ).join(call_metrics, call_metrics.c.recording_id == call_channel_metrics.c.recording_id)
        ],
        fact_call_quarter: [select_fact(fact_call_quarter, call_quarters, day)],
    }


def _make_calls(context: MartContext, day: str) -> Iterator[dict[str, Any]]:
    good = _read_rows(context, recordings, day, recordings.c.status == "ok")
    keys = _find_keys(context, good)
    metrics = {row["recording_id"]: row for row in _read_rows(context, call_metrics, day)}
    by_role = _group_channels(_read_rows(context, call_channel_metrics, day))
    counted = _count_alerts(context, day)
    topics = _count_topics(context, day)
    scripts = count_script_checks(context, day)
    processed = _read_processing(context, day)
    for row in good:
        recording_id = row["recording_id"]
        own = metrics.get(recording_id, {})
        final_emotion = own.get("final_emotion")
        yield {
            **{name: own.get(name, row.get(name)) for name in _AS_STORED},
            **keys[recording_id],
            **processed[recording_id],
            "date_key": date_key(day),
            "call_day": midnight(day),
            "started_local": context.calendar.localize(row["started_at"]).replace(tzinfo=None),
            "started_utc": row["started_at"],
            "ingested_utc": row["ingested_at"],
            "channels_ok": own["overlap_s"] is not None if own else None,
            **_describe_sides(by_role[recording_id]),
            "customer_final_emotion": final_emotion,
            "is_unhappy": _is_unhappy(final_emotion, counted[recording_id]),
            "alerts": counted[recording_id]["all"],
            "alerts_high": counted[recording_id]["high"],
            "topics": topics[recording_id],
            **scripts[recording_id],
        }


_AS_STORED = [
    column.name
    for column in fact_call.columns
    if column.name in recordings.c or column.name in call_metrics.c
]


def _read_rows(
    context: MartContext, table: sa.Table, day: str, *conditions: sa.ColumnElement[bool]
) -> list[dict[str, Any]]:
    """A day's rows of a stage's table, without what no fact needs."""
    needed = [column for column in table.columns if not isinstance(column.type, sa.JSON)]
    query = sa.select(*needed).where(table.c.day == day, *conditions)
    return [dict(row) for row in context.connection.execute(query).mappings()]


def _find_keys(context: MartContext, good: Rows) -> dict[str, dict[str, int]]:
    """Recording to its keys; new ones are numbered by start."""
    by_start = sorted(good, key=lambda row: (row["started_at"], row["recording_id"]))
    numbers, agents, queues = (
        find_or_add_keys(context.connection, table, [(row[column],) for row in by_start])
        for table, column in (
            (call_keys, "recording_id"),
            (dim_agent, "agent_id"),
            (dim_queue, "queue"),
        )
    )
    return {
        row["recording_id"]: {
            "call_key": numbers[row["recording_id"],],
            "agent_key": agents[row["agent_id"],],
            "queue_key": queues[row["queue"],],
        }
        for row in good
    }


def _group_channels(channels: Rows) -> defaultdict[str, dict[str, list[Row]]]:
    """Recording to role to channels, those with most talk first."""
    grouped: defaultdict[str, dict[str, list[Row]]] = defaultdict(dict)
    for row in sorted(channels, key=lambda row: -row["talk_s"]):
        grouped[row["recording_id"]].setdefault(row["role"], []).append(row)
    return grouped


def _describe_sides(by_role: Mapping[str, Rows]) -> dict[str, Any]:
    """Columns of agent and customer: sums over a side's channels, rates of its main one."""
    agent, customer = by_role.get("agent", ()), by_role.get("customer", ())
    heard = customer or by_role.get("mixed", ())
    labelled_s, negative_s = _add_up(heard, "labelled_s"), _add_up(heard, "negative_s")
    is_known = any(row["negative_share"] is not None for row in heard)
    return {
        "agent_talk_s": _add_up(agent, "talk_s"),
        "customer_talk_s": _add_up(customer, "talk_s"),
        "agent_interruptions": _add_up(agent, "interruptions"),
        "customer_interruptions": _add_up(customer, "interruptions"),
        "agent_chars_per_min": agent[0]["chars_per_min_median"] if agent else None,
        "customer_chars_per_min": customer[0]["chars_per_min_median"] if customer else None,
        "customer_labelled_s": labelled_s,
        "customer_negative_s": negative_s,
        "customer_negative_share": negative_s / labelled_s if is_known else None,
    }


def _add_up(rows: Rows, column: str) -> Any:
    """Their sum; None where there are none, or one is not known."""
    values = [row[column] for row in rows]
    return None if not values or None in values else sum(values)


def _is_unhappy(final_emotion: str | None, counted: Counter[str]) -> bool | None:
    if counted["high_on_customer"] or final_emotion in NEGATIVE:
        return True
    return None if final_emotion is None else False


def _count_alerts(context: MartContext, day: str) -> defaultdict[str, Counter[str]]:
    """Recording to its numbers of alerts in force, without rules on trial."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    in_force = (alerts.c.superseded_at.is_(None), alerts.c.mode == "live")
    query = sa.select(alerts.c.recording_id, alerts.c.priority, alerts.c.role)
    for recording_id, priority, role in context.connection.execute(
        query.where(alerts.c.day == day, *in_force)
    ):
        counts = counted[recording_id]
        counts["all"] += 1
        if priority == "high":
            counts["high"] += 1
            counts["high_on_customer"] += role in _CUSTOMER_SIDE
    return counted


def _count_topics(context: MartContext, day: str) -> Counter[str]:
    count = sa.func.count(topic_hits.c.topic.distinct())
    query = sa.select(topic_hits.c.recording_id, count).where(topic_hits.c.day == day)
    found = context.connection.execute(query.group_by(topic_hits.c.recording_id))
    return Counter(dict(found.all()))


def _read_processing(context: MartContext, day: str) -> defaultdict[str, dict[str, Any]]:
    """Recording to when it was analysed, whether by every stage, and by which models."""
    query = (
        sa.select(
            stage_runs.c.recording_id,
            stage_runs.c.stage,
            stage_runs.c.status,
            stage_runs.c.finished_at,
            fingerprints.c.fingerprint,
            fingerprints.c.model_id,
        )
        .outerjoin(fingerprints, fingerprints.c.fingerprint == stage_runs.c.fingerprint)
        .where(stage_runs.c.day == day)
    )
    runs: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for row in context.connection.execute(query):
        runs[row.recording_id][row.stage] = row
    sets = {recording_id: _name_models(own) for recording_id, own in runs.items()}
    keys = _find_model_sets(context, set(sets.values()))
    unknown = {"analysed_utc": None, "is_complete": False, "model_set_key": 0}
    processed: defaultdict[str, dict[str, Any]] = defaultdict(lambda: unknown)
    for recording_id, own in runs.items():
        done = {stage: run.finished_at for stage, run in own.items() if run.status == "ok"}
        processed[recording_id] = {
            "analysed_utc": max(done.values(), default=None),
            "is_complete": done.keys() >= set(STAGE_NAMES),
            "model_set_key": keys[sets[recording_id]],
        }
    return processed


ModelSet = tuple[tuple[str | None, str | None], ...]
"""Fingerprint and model of each stage of `_MODELS`."""


def _name_models(runs: Mapping[str, Any]) -> ModelSet:
    return tuple(
        (runs[stage].fingerprint, runs[stage].model_id) if stage in runs else (None, None)
        for stage in _MODELS
    )


def _find_model_sets(context: MartContext, sets: Collection[ModelSet]) -> dict[ModelSet, int]:
    hashes = {
        used: None if all(mark is None for mark, _ in used) else digest([mark for mark, _ in used])
        for used in sorted(sets, key=str)
    }
    attributes = {
        (marked,): {
            column: model for column, (_, model) in zip(_MODELS.values(), used, strict=True)
        }
        for used, marked in hashes.items()
    }
    members = [(marked,) for marked in hashes.values()]
    keys = find_or_add_keys(context.connection, dim_model_set, members, attributes)
    return {used: keys[marked,] for used, marked in hashes.items()}


MART = Mart(
    name="fact_call",
    description="Calls with the metrics of both sides, their channels and quarters.",
    tables=(fact_call, fact_call_channel, fact_call_quarter),
    code_version="1",
    compute=_compute,
)
