"""Asset `alerts`: which rules fired. Rules are evaluated in `domain.rules`."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from callqa_assets.assets.plots import alert_volume_plot, embed_png
from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.domain.days import trailing_days
from callqa_assets.stages.alerts import STAGE
from callqa_assets.stages.contract import Stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.warehouse.alerts import count_alerts, read_volume_by_priority


def _describe(
    context: StageContext, stage: Stage[Any, Any], connection: sa.Connection, day: str
) -> dict[str, Any]:
    days = trailing_days(day)
    plot = alert_volume_plot(
        read_volume_by_priority(connection, days), [date.fromisoformat(d) for d in days]
    )
    return {
        "alerts_in_force": count_alerts(connection, day),
        "alert_volume": embed_png(plot, f"alerts to {day}"),
        "rule_set": stage.fingerprint.params["rules"][:12],
    }


alerts = stage_asset(
    STAGE,
    description="One alert per firing of a rule: which rule, when, how strongly, on what evidence.",
    group="alerts",
    kinds={"python", "sql"},
    describe=_describe,
)
