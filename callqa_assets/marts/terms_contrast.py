"""Mart `terms_contrast`: words that stand in unhappy calls, against other calls of their queue.

The 28 days up to the day. Calls of which it is not known whether they are unhappy are in neither
group; words of the rules whose alerts make a call unhappy are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from callqa_assets.domain.days import date_key, days_between, shift_day
from callqa_assets.domain.rules.rule_set import Rule, RulesError, load_rules
from callqa_assets.domain.statistics.contrast import ContrastConfig, compare_words
from callqa_assets.domain.statistics.discoveries import adjust_p_values
from callqa_assets.domain.text.spoken_text import SpokenText
from callqa_assets.domain.topics import terms
from callqa_assets.domain.topics.label_words import LabelWords, find_label_words
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.warehouse.tables import terms_contrast, terms_contrast_examples
from callqa_assets.warehouse.topics import read_calls, read_label_rules, read_spoken_terms

WINDOW_DAYS = 28
EXAMPLES = 3

_CONFIG = ContrastConfig()


_GROUP = ["queue_key", "role"]
"""Within which words are compared: a role in the calls of a queue."""


def compute(context: MartContext, day: str) -> MartRows:
    connection = context.connection
    days = days_between(shift_day(day, 1 - WINDOW_DAYS), day)
    totals, counts, unhappy = _count(connection, days)
    found = _find_words(totals, counts, _read_label_words(connection, days))
    key = found.select(*_GROUP, "term")
    # Day by day: all words of all unhappy calls at once would not be small.
    uses = pl.concat(
        own.explode("terms").rename({"terms": "term"}).join(key, on=[*_GROUP, "term"])
        for own in unhappy
    )
    agents = uses.group_by(*_GROUP, "term").agg(
        pl.col("agent_key").filter(pl.col("agent_key") != 0).n_unique().alias("agents")
    )
    told = (
        found.join(agents, on=[*_GROUP, "term"])
        .filter(pl.col("agents") >= _CONFIG.min_agents)
        .sort(*_GROUP, "term")
        .with_columns(pl.lit(date_key(day)).alias("date_key"))
    )
    return {
        terms_contrast: told.select(terms_contrast.columns.keys()).to_dicts(),
        terms_contrast_examples: list(_example_rows(connection, _choose_examples(told, uses))),
    }


def _read_calls(connection: sa.Connection, day: str) -> pl.DataFrame:
    """Calls of which it is known whether they are unhappy."""
    calls = read_calls(connection, day)
    return pl.DataFrame(
        [(recording_id, *call) for recording_id, call in calls.items()],
        schema={
            "recording_id": pl.String,
            "queue_key": pl.Int64,
            "agent_key": pl.Int64,
            "is_unhappy": pl.Boolean,
        },
        orient="row",
    ).drop_nulls("is_unhappy")


def _count(
    connection: sa.Connection, days: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.DataFrame]]:
    """Of each group all calls, of each word of a group those that say it, and the unhappy ones.

    Columns: unhappy_calls, all_calls by group; unhappy_with, all_with by group and term; of each
    day's unhappy channels day, recording_id, channel, group, agent_key and terms.
    """
    totals: list[pl.DataFrame] = []
    unhappy: list[pl.DataFrame] = []
    counts = pl.DataFrame()
    of_calls = {"unhappy_calls": pl.col("is_unhappy").sum(), "all_calls": pl.len()}
    of_words = {"unhappy_with": pl.col("is_unhappy").sum(), "all_with": pl.len()}
    for day in days:
        calls = _read_calls(connection, day)
        channels = read_spoken_terms(connection, day).join(calls, on="recording_id")
        # A role may have several channels: the call counts once.
        spoken = ["recording_id", *_GROUP, "is_unhappy"]
        totals.append(channels.unique(spoken).group_by(_GROUP).agg(**of_calls))
        words = channels.select(*spoken, "terms").explode("terms").rename({"terms": "term"})
        words = words.drop_nulls("term")
        if channels.select(spoken).is_duplicated().any():
            words = words.unique()
        own = words.group_by(*_GROUP, "term").agg(**of_words)
        counts = own if counts.is_empty() else _add_up(pl.concat([counts, own]), "term")
        own_unhappy = channels.filter(pl.col("is_unhappy"))
        unhappy.append(own_unhappy.with_columns(pl.lit(day).alias("day")))
    return _add_up(pl.concat(totals)), counts, unhappy


def _add_up(parts: pl.DataFrame, *keys: str) -> pl.DataFrame:
    return parts.group_by(*_GROUP, *keys).agg(pl.all().sum())


def _find_words(totals: pl.DataFrame, counts: pl.DataFrame, labels: LabelWords) -> pl.DataFrame:
    """Words that stand in unhappy calls, before it is known how many agents hear them."""
    tested = (
        counts.filter(pl.col("all_with") >= _CONFIG.min_calls)
        .join(totals, on=_GROUP)
        .filter((pl.col("unhappy_calls") > 0) & (pl.col("unhappy_calls") < pl.col("all_calls")))
        .with_columns(
            (pl.col("all_with") - pl.col("unhappy_with")).alias("other_with"),
            (pl.col("all_calls") - pl.col("unhappy_calls")).alias("other_calls"),
        )
    )
    label_words = {term for term in tested["term"].unique() if labels.has(term)}
    tested = tested.filter(~pl.col("term").is_in(label_words))
    unhappy_with, unhappy_calls, other_with, other_calls = (
        tested[name].cast(pl.Float64).to_numpy()
        for name in ("unhappy_with", "unhappy_calls", "other_with", "other_calls")
    )
    compared = compare_words(
        unhappy_with, unhappy_calls, other_with, other_calls, _CONFIG.prior_calls
    )
    return tested.with_columns(
        pl.Series("odds_ratio", np.exp(compared.log_odds)),
        pl.Series("z", compared.z),
        pl.Series("q_value", adjust_p_values(compared.p_values)),
    ).filter(pl.col("q_value") <= _CONFIG.false_share)


def _choose_examples(told: pl.DataFrame, uses: pl.DataFrame) -> pl.DataFrame:
    """Up to EXAMPLES calls of each word, the newest first, of different agents."""
    agent = pl.when(pl.col("agent_key") != 0).then(pl.col("agent_key").cast(pl.String))
    key = ["date_key", *_GROUP, "term"]
    return (
        uses.join(told.select(key), on=[*_GROUP, "term"])
        .sort("day", "recording_id", "channel", descending=[True, False, False])
        # Calls of agents that are not known may be of different ones.
        .with_columns(agent.otherwise(pl.col("recording_id")).alias("of"))
        .unique([*key, "of"], keep="first", maintain_order=True)
        .with_columns(pl.int_range(pl.len()).over(key).alias("example_no"))
        .filter(pl.col("example_no") < EXAMPLES)
        .sort(*key, "example_no")
        .select(*key, "example_no", "recording_id", "channel")
    )


def _example_rows(connection: sa.Connection, examples: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The examples with the seconds of their word."""
    spoken = read_spoken_segments(connection, examples["recording_id"].unique().to_list())
    for example in examples.to_dicts():
        own = [s for s in spoken[example["recording_id"]] if s.channel == example["channel"]]
        if matches := SpokenText(own).find_phrase(example["term"]):
            yield {**example, "start_s": matches[0].start_s, "end_s": matches[0].end_s}


def _read_label_words(connection: sa.Connection, days: Sequence[str]) -> LabelWords:
    rules: list[Rule] = []
    for yaml, names in read_label_rules(connection, days[0], days[-1]).values():
        with suppress(RulesError):  # accepted by another version of callqa
            rules += [r for r in load_rules(yaml, source="").rules if r.name in names]
    return find_label_words(rules)


MART = Mart(
    name="terms_contrast",
    description="Words that stand in unhappy calls of the last 28 days, by queue and role.",
    tables=(terms_contrast, terms_contrast_examples),
    code_version="1",
    compute=compute,
    days_before=WINDOW_DAYS - 1,
    reads=("fact_call",),
    params=lambda context: {**asdict(_CONFIG), "examples": EXAMPLES, "terms": terms.VERSION},
)
