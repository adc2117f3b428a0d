"""Mart `fact_topic_hit`: where calls speak of a topic."""

from __future__ import annotations

from callqa_assets.domain.pii.masking import mask_text
from callqa_assets.marts.day_calls import join_calls, pick, read_day_calls, read_rows_of_day
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.dimensions import find_or_add_keys
from callqa_assets.warehouse.tables import dim_topic, fact_topic_hit, topic_hits


def _compute(context: MartContext, day: str) -> MartRows:
    calls = read_day_calls(context, day)
    hits = list(join_calls(read_rows_of_day(context, topic_hits, day), calls))
    keys = find_or_add_keys(context.connection, dim_topic, [(hit["topic"],) for hit, _ in hits])
    return {
        fact_topic_hit: [
            pick(hit, fact_topic_hit)
            | call
            | {"topic_key": keys[hit["topic"],], "text": mask_text(hit["text"])}
            for hit, call in hits
        ]
    }


MART = Mart(
    name="fact_topic_hit",
    description="Where calls speak of a topic, a row for each place.",
    tables=(fact_topic_hit,),
    code_version="1",
    compute=_compute,
)
