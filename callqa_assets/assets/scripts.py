"""Asset `script_checks`: what agents were to say. Calls are judged in `domain.scripts`."""

from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from callqa_assets.assets.plots import embed_png, script_outcomes_plot
from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.contract import Stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.stages.scripts import STAGE
from callqa_assets.warehouse.scripts import read_script_outcomes


def _describe(
    context: StageContext, stage: Stage[Any, Any], connection: sa.Connection, day: str
) -> dict[str, Any]:
    outcomes = read_script_outcomes(connection, day)
    plot = script_outcomes_plot(outcomes, date.fromisoformat(day))
    forbidden = outcomes.filter(pl.col("outcome") == "forbidden")["calls"].sum()
    return {
        "forbidden_phrases": int(forbidden),
        "outcomes_by_item": embed_png(plot, f"scripts of {day}"),
        "scripts": stage.fingerprint.params["scripts"][:12],
    }


script_checks = stage_asset(
    STAGE,
    description="Which items of `configs/scripts.yaml` each call meets, and by which words.",
    group="conversation",
    kinds={"python", "sql"},
    describe=_describe,
)
