"""Asset `call_metrics`: who spoke how much, when and over whom."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from callqa_assets.assets.plots import embed_png, talk_day_plot
from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.contract import Stage
from callqa_assets.stages.conversation import STAGE
from callqa_assets.stages.definition import StageContext
from callqa_assets.warehouse.conversations import read_talk_hours


def _describe(
    context: StageContext, stage: Stage[Any, Any], connection: sa.Connection, day: str
) -> dict[str, Any]:
    hours = read_talk_hours(connection, day, context.home.calendar.zone)
    plot = talk_day_plot(hours, date.fromisoformat(day))
    return {"talk_of_the_day": embed_png(plot, f"talk and silence of {day}")}


call_metrics = stage_asset(
    STAGE,
    description="Talk, silence, overlap, turns, interruptions, speed and the course of emotions, "
    "by the times of words.",
    group="conversation",
    kinds={"python", "sql"},
    describe=_describe,
)
