"""Readers of what the stage `topics` stored, for the marts of words and topics."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from callqa_assets.domain.days import date_key
from callqa_assets.warehouse.tables import (
    alerts,
    call_terms,
    dim_queue,
    fact_call,
    fingerprints,
    rule_sets,
    stage_runs,
)


class MartCall(NamedTuple):
    """What marts of words and topics need to know of a call."""

    queue_key: int
    agent_key: int
    """0: not known."""
    is_unhappy: bool | None
    """None: not known."""


def read_calls(connection: sa.Connection, day: str) -> dict[str, MartCall]:
    """Recording to its call in `fact_call`, of the day."""
    query = sa.select(
        fact_call.c.recording_id, *(fact_call.c[name] for name in MartCall._fields)
    ).where(fact_call.c.date_key == date_key(day))
    return {recording_id: MartCall(*values) for recording_id, *values in connection.execute(query)}


class Words(NamedTuple):
    """The words of one channel."""

    recording_id: str
    channel: int
    role: str
    terms: Mapping[str, int]


def read_words(connection: sa.Connection, day: str) -> Iterator[Words]:
    """The words of the day's channels, by recording and channel."""
    query = (
        sa.select(
            call_terms.c.recording_id,
            call_terms.c.channel,
            call_terms.c.role,
            call_terms.c.terms,
        )
        .where(call_terms.c.day == day)
        .order_by(call_terms.c.recording_id, call_terms.c.channel)
    )
    for row in connection.execute(query):
        yield Words(*row)


def read_spoken_terms(connection: sa.Connection, day: str) -> pl.DataFrame:
    """The words of the day's channels, without how often each is said: for many days at once.

    Columns: recording_id, channel, role, terms (list of text).
    """
    query = sa.select(
        call_terms.c.recording_id,
        call_terms.c.channel,
        call_terms.c.role,
        sa.cast(call_terms.c.terms, sa.Text).label("terms"),
    ).where(call_terms.c.day == day)
    rows = connection.execute(query).all()
    frame = pl.DataFrame(
        [tuple(row) for row in rows],
        schema={
            "recording_id": pl.String,
            "channel": pl.Int64,
            "role": pl.String,
            "terms": pl.String,
        },
        orient="row",
    )
    # Words have neither quotes nor escapes: a tenth of the time that parsing takes.
    return frame.with_columns(pl.col("terms").str.split('"').list.gather_every(2, 1))


@dataclass(frozen=True)
class Search:
    """By what a call was transcribed, and searched for topics."""

    transcripts: str
    """Fingerprint of its transcripts."""
    topics: str
    """Fingerprint of its topics, see `read_search_params`."""


def read_searches(connection: sa.Connection, day: str) -> dict[str, Search]:
    """Recording to by what it was searched, for those of the day that were."""
    transcripts, topics = aliased(stage_runs), aliased(stage_runs)
    query = (
        sa.select(topics.c.recording_id, transcripts.c.fingerprint, topics.c.fingerprint)
        .join(transcripts, transcripts.c.recording_id == topics.c.recording_id)
        .where(
            topics.c.day == day,
            topics.c.stage == "topics",
            transcripts.c.stage == "transcripts",
            topics.c.fingerprint.is_not(None),
            transcripts.c.fingerprint.is_not(None),
        )
    )
    return {
        recording_id: Search(made_by, searched_by)
        for recording_id, made_by, searched_by in connection.execute(query)
    }


def read_search_params(
    connection: sa.Connection, topic_fingerprints: Collection[str]
) -> dict[str, Any]:
    """Fingerprint of the stage `topics` to its parameters: the topics and hotwords themselves."""
    query = sa.select(fingerprints.c.fingerprint, fingerprints.c.params).where(
        fingerprints.c.fingerprint.in_(topic_fingerprints)
    )
    return {row.fingerprint: row.params for row in connection.execute(query)}


def read_queue_names(connection: sa.Connection) -> dict[int, str | None]:
    """Key to the queue's name; None for 0: not known."""
    query = sa.select(dim_queue.c.queue_key, dim_queue.c.queue)
    return {0: None, **{row.queue_key: row.queue for row in connection.execute(query)}}


def read_label_rules(
    connection: sa.Connection, first_day: str, last_day: str
) -> dict[str, tuple[str, set[str]]]:
    """Rules whose alerts make calls of these days unhappy: rule hash to their YAML and names."""
    query = (
        sa.select(rule_sets.c.rule_hash, rule_sets.c.yaml, alerts.c.rule)
        .distinct()
        .join(alerts, alerts.c.rule_hash == rule_sets.c.rule_hash)
        .where(
            alerts.c.day.between(first_day, last_day),
            alerts.c.priority == "high",
            alerts.c.mode == "live",
            alerts.c.superseded_at.is_(None),
        )
    )
    found: dict[str, tuple[str, set[str]]] = {}
    for rule_hash, yaml, rule in connection.execute(query):
        found.setdefault(rule_hash, (yaml, set()))[1].add(rule)
    return found
