"""Mart `policy_explanations`: how an agent explains a policy, against colleagues of the same queue.

The 28 days up to the day: points that are left out, how long it takes, how the customer is
afterwards, and words that the agent uses more or less than the colleagues.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

from callqa_assets.domain.days import date_key, shift_day
from callqa_assets.domain.statistics.agents import MIN_TRIALS
from callqa_assets.domain.statistics.contrast import ContrastConfig, compare_words
from callqa_assets.domain.statistics.discoveries import adjust_p_values
from callqa_assets.domain.statistics.durations import compare_durations
from callqa_assets.domain.text.spoken_text import SpokenText
from callqa_assets.marts.comparisons import WINDOW_DAYS, compare_agents
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.marts.policy_calls import EXPLAINERS
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.warehouse.tables import (
    call_terms,
    policy_call_points,
    policy_calls,
    policy_explanations,
    policy_points,
    policy_words,
)

MAX_WORDS = 20
"""Of one agent and topic: those of which it is surest."""
_WORDS = ContrastConfig()
_GROUP = ["topic", "queue_key"]

_CALLS = {
    "date_key": pl.Int64, "call_key": pl.Int64, "topic": pl.String, "recording_id": pl.String,
    "agent_key": pl.Int64, "queue_key": pl.Int64, "topic_s": pl.Float64,
    "agent_talk_s": pl.Float64, "points": pl.Int64, "points_said": pl.Int64,
    "negative_after": pl.Boolean,
}  # fmt: skip
_POINTS = {
    "date_key": pl.Int64, "call_key": pl.Int64, "topic": pl.String, "point": pl.String,
    "said": pl.Boolean, "start_s": pl.Float64,
}  # fmt: skip


def compute(context: MartContext, day: str) -> MartRows:
    calls = _read(context.connection, policy_calls, _CALLS, day).filter(pl.col("agent_key") != 0)
    points = _read(context.connection, policy_call_points, _POINTS, day).join(
        calls.select("date_key", "call_key", *_GROUP, "agent_key", "recording_id", "topic_s"),
        on=["date_key", "call_key", "topic"],
    )
    key = {"date_key": date_key(day)}
    return {
        policy_explanations: [key | row for row in _compare_calls(calls)],
        policy_points: [key | row for row in _compare_points(points)],
        policy_words: [key | row for row in _compare_words(context.connection, day)],
    }


def _read(
    connection: sa.Connection, table: sa.Table, schema: Mapping[str, Any], day: str
) -> pl.DataFrame:
    query = (
        sa.select(*(table.c[name] for name in schema))
        .where(_in_window(table, day))
        .order_by(table.c.date_key, table.c.call_key)
    )
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _in_window(table: sa.Table, day: str) -> sa.ColumnElement[bool]:
    first = date_key(shift_day(day, 1 - WINDOW_DAYS))
    return table.c.date_key.between(first, date_key(day))


def _compare_calls(calls: pl.DataFrame) -> Iterator[dict[str, Any]]:
    cells = calls.with_columns(
        n=pl.col("negative_after").is_not_null().cast(pl.Int64),
        events=pl.col("negative_after").fill_null(value=False).cast(pl.Int64),
    )
    groups = {
        (topic, queue): group for (topic, queue), group in calls.group_by(_GROUP)
    }  # fmt: skip
    for row in compare_agents(cells, within=_GROUP, strata=_GROUP, than="queue"):
        group = groups[row["topic"], row["queue_key"]]
        is_own = pl.col("agent_key") == row["agent_key"]
        own, others = group.filter(is_own), group.filter(~is_own)
        talk_s, others_s = (x["agent_talk_s"].drop_nulls() for x in (own, others))
        ratio = compare_durations(talk_s.to_numpy(), others_s.to_numpy())
        yield {
            **row,
            "calls": len(own),
            "colleagues_calls": len(others),
            "points": own["points"].sum(),
            "points_said": own["points_said"].sum(),
            "colleagues_points": others["points"].sum(),
            "colleagues_points_said": others["points_said"].sum(),
            "agent_talk_median_s": talk_s.median(),
            "colleagues_talk_median_s": others_s.median(),
            "talk_ratio": ratio and ratio.ratio,
            "talk_ratio_lo": ratio and ratio.lo,
            "talk_ratio_hi": ratio and ratio.hi,
        }


def _compare_points(points: pl.DataFrame) -> Iterator[dict[str, Any]]:
    within = [*_GROUP, "point"]
    cells = points.with_columns(n=pl.lit(1), events=(~pl.col("said")).cast(pl.Int64))
    keys = [*within, "agent_key"]
    newest = points.sort("date_key", "call_key", descending=True)
    examples = {
        said: {
            tuple(row[name] for name in keys): row
            for row in newest.filter(said=said).unique(keys, keep="first").to_dicts()
        }
        for said in (True, False)
    }
    for row in compare_agents(cells, within=within, strata=within, than="queue"):
        key = tuple(row[name] for name in keys)
        with_point, without = examples[True].get(key, {}), examples[False].get(key, {})
        yield {
            **row,
            "said_recording_id": with_point.get("recording_id"),
            "said_s": with_point.get("start_s"),
            "omitted_recording_id": without.get("recording_id"),
            "omitted_topic_s": without.get("topic_s"),
        }


class _Group(NamedTuple):
    topic: str
    queue_key: int


@dataclass
class _Agent:
    """The words of one agent's calls on a topic in a queue."""

    calls: int = 0
    calls_with: Counter[str] = field(default_factory=Counter)
    last_with: dict[str, str] = field(default_factory=dict)
    """Word to the last recording with it."""

    def add(self, recording_id: str, terms: Mapping[str, int]) -> None:
        self.calls += 1
        self.calls_with.update(terms.keys())
        self.last_with.update(dict.fromkeys(terms, recording_id))


def _compare_words(connection: sa.Connection, day: str) -> list[dict[str, Any]]:
    tested = [
        one
        for group, agents in _read_words(connection, day).items()
        for one in _test_words(group, agents)
    ]
    if not tested:
        return []
    # Over all agents at once: among many who are alike, somebody's words stand out by chance.
    q_values = adjust_p_values(np.concatenate([one.p_values for one in tested]))
    ends = np.cumsum([len(one.words) for one in tested])
    rows = [
        one.describe(i)
        for one, own in zip(tested, np.split(q_values, ends[:-1]), strict=True)
        for i in _surest(one.z, own)
    ]
    spoken = read_spoken_segments(connection, sorted({r["example_recording_id"] for r in rows}))
    for row in rows:
        said = [s for s in spoken[row["example_recording_id"]] if s.role in EXPLAINERS]
        places = SpokenText(said).find_phrase(row["term"])
        row["example_s"] = min((place.start_s for place in places), default=None)
    return rows


def _read_words(connection: sa.Connection, day: str) -> dict[_Group, dict[int, _Agent]]:
    call = policy_calls.c
    query = (
        sa.select(
            call.topic,
            call.queue_key,
            call.agent_key,
            call.recording_id,
            sa.cast(call_terms.c.terms, sa.Text),
        )
        .join(call_terms, call_terms.c.recording_id == call.recording_id)
        .where(_in_window(policy_calls, day), call.agent_key != 0)
        .where(call_terms.c.role.in_(EXPLAINERS))
        .order_by(call.date_key, call.call_key, call.topic)
    )
    groups: defaultdict[_Group, defaultdict[int, _Agent]] = defaultdict(lambda: defaultdict(_Agent))
    for topic, queue_key, agent_key, recording_id, terms in connection.execute(query):
        groups[_Group(topic, queue_key)][agent_key].add(recording_id, json.loads(terms))
    return {group: dict(agents) for group, agents in groups.items()}


@dataclass(frozen=True)
class _Tested:
    """The words of one agent against those of the colleagues; arrays have an entry a word."""

    group: _Group
    agent_key: int
    agents: Mapping[int, _Agent]
    """Of the group, this one included."""
    words: Sequence[str]
    own_with: NDArray[np.float64]
    others_with: NDArray[np.float64]
    others: int
    """Calls of the colleagues."""
    log_odds: NDArray[np.float64]
    z: NDArray[np.float64]
    p_values: NDArray[np.float64]
    """Of a difference either way."""

    def describe(self, i: int) -> dict[str, Any]:
        """The row of a word, but for the moment at which it is said."""
        word, own = self.words[i], self.agents[self.agent_key]
        colleagues = [agent for key, agent in self.agents.items() if key != self.agent_key]
        sayers = [own] if self.z[i] > 0 else colleagues
        return {
            **self.group._asdict(),
            "agent_key": self.agent_key,
            "term": word,
            "calls": own.calls,
            "calls_with": int(self.own_with[i]),
            "colleagues_calls": self.others,
            "colleagues_calls_with": int(self.others_with[i]),
            "odds_ratio": float(np.exp(self.log_odds[i])),
            "z": float(self.z[i]),
            "example_recording_id": next(s.last_with[word] for s in sayers if word in s.last_with),
        }


def _test_words(group: _Group, agents: Mapping[int, _Agent]) -> Iterator[_Tested]:
    """Each agent with enough calls against the others of the group."""
    calls, calls_with = 0, Counter[str]()
    for agent in agents.values():
        calls += agent.calls
        calls_with.update(agent.calls_with)
    words = sorted(term for term, n in calls_with.items() if n >= _WORDS.min_calls)
    all_with = np.array([calls_with[term] for term in words], float)
    for agent_key, agent in sorted(agents.items()):
        if not words or agent.calls < MIN_TRIALS or agent.calls == calls:
            continue
        own_with = np.array([agent.calls_with[term] for term in words], float)
        others_with, others = all_with - own_with, calls - agent.calls
        found = compare_words(own_with, agent.calls, others_with, others, _WORDS.prior_calls)
        either_way = 2 * np.minimum(found.p_values, 1 - found.p_values)
        yield _Tested(
            group, agent_key, agents, words, own_with, others_with, others,
            found.log_odds, found.z, either_way,
        )  # fmt: skip


def _surest(z: NDArray[np.float64], q_values: NDArray[np.float64]) -> list[int]:
    told = np.flatnonzero(q_values <= _WORDS.false_share)
    return told[np.argsort(-np.abs(z[told]), kind="stable")][:MAX_WORDS].tolist()


MART = Mart(
    name="policy_explanations",
    description="How agents explain a policy, against colleagues of the same queue.",
    tables=(policy_explanations, policy_points, policy_words),
    code_version="1",
    compute=compute,
    days_before=WINDOW_DAYS - 1,
    reads=("policy_calls",),
)
