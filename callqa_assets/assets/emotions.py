"""Asset `emotion_scores`: emotions by segment and over time."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from callqa_assets.assets.plots import embed_png, emotion_day_plot
from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.contract import Stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.stages.emotions import STAGE
from callqa_assets.warehouse.results import read_emotion_hours


def _describe(
    context: StageContext, stage: Stage[Any, Any], connection: sa.Connection, day: str
) -> dict[str, Any]:
    hours = read_emotion_hours(connection, day, context.home.calendar.zone)
    plot = emotion_day_plot(hours, date.fromisoformat(day))
    return {"emotions_of_the_day": embed_png(plot, f"emotions of {day}")}


emotion_scores = stage_asset(
    STAGE,
    description="Nine emotions by segment and over time: scores, timeline, track (Parquet).",
    group="speech",
    kinds={"python", "parquet", "sql"},
    describe=_describe,
)
