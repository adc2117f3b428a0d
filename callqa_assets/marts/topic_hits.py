"""Mart `fact_topic_hit`: where calls speak of a topic."""

from __future__ import annotations

from callqa_assets.marts.facts import add_members, read_masked, select_fact
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import dim_topic, fact_topic_hit, topic_hits


def _compute(context: MartContext, day: str) -> MartRows:
    add_members(context, dim_topic, day, [topic_hits.c.topic])
    hits = select_fact(fact_topic_hit, topic_hits, day, dim_topic.c.topic_key).join(
        dim_topic, dim_topic.c.topic == topic_hits.c.topic
    )
    return {fact_topic_hit: read_masked(context, hits, "text")}


MART = Mart(
    name="fact_topic_hit",
    description="Where calls speak of a topic, a row for each place.",
    tables=(fact_topic_hit,),
    code_version="1",
    compute=_compute,
    reads=("fact_call",),
)
