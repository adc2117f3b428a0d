"""Mart `fact_script_check`: items of scripts in calls."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa

from callqa_assets.domain.pii.masking import mask_text
from callqa_assets.marts.day_calls import join_calls, pick, read_day_calls, read_rows_of_day
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.dimensions import find_or_add_keys
from callqa_assets.warehouse.tables import dim_script_item, fact_script_check, script_checks


def _compute(context: MartContext, day: str) -> MartRows:
    calls = read_day_calls(context, day)
    checks = list(join_calls(read_rows_of_day(context, script_checks, day), calls))
    items = [(check["script"], check["item"]) for check, _ in checks]
    keys = find_or_add_keys(context.connection, dim_script_item, items)
    return {
        fact_script_check: [
            pick(check, fact_script_check)
            | call
            | {
                "script_item_key": keys[item],
                "matched_text": check["matched_text"] and mask_text(check["matched_text"]),
            }
            for (check, call), item in zip(checks, items, strict=True)
        ]
    }


def count_script_checks(context: MartContext, day: str) -> defaultdict[str, dict[str, int]]:
    """Recording to its columns of `fact_call` about scripts."""
    outcome = script_checks.c.outcome
    query = sa.select(script_checks.c.recording_id, outcome, sa.func.count())
    counted: defaultdict[str, dict[str, int]] = defaultdict(
        lambda: {f"script_{word}": 0 for word in ("applicable", "missed", "forbidden", "unsure")}
    )
    for recording_id, found, number in context.connection.execute(
        query.where(script_checks.c.day == day, outcome != "not_applicable").group_by(
            script_checks.c.recording_id, outcome
        )
    ):
        counted[recording_id]["script_applicable"] += number
        if found != "passed":
            counted[recording_id][f"script_{found}"] += number
    return counted


MART = Mart(
    name="fact_script_check",
    description="Items of scripts in calls, a row for each.",
    tables=(fact_script_check,),
    code_version="1",
    compute=_compute,
)
