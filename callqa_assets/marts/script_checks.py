"""Mart `fact_script_check`: items of scripts in calls."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa

from callqa_assets.marts.facts import add_members, read_masked, select_fact
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import dim_script_item, fact_script_check, script_checks


def _compute(context: MartContext, day: str) -> MartRows:
    add_members(context, dim_script_item, day, [script_checks.c.script, script_checks.c.item])
    same = (dim_script_item.c.script == script_checks.c.script) & (
        dim_script_item.c.item == script_checks.c.item
    )
    checks = select_fact(fact_script_check, script_checks, day, dim_script_item.c.script_item_key)
    return {
        fact_script_check: read_masked(context, checks.join(dim_script_item, same), "matched_text")
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
    reads=("fact_call",),
)
