"""Asset `alerts`: which rules fired, with the evidence. The rules' meaning is `domain.alerting`."""

import base64
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.plots import alert_volume_plot
from callqa_assets.assets.recordings import finish_day
from callqa_assets.assets.stage_asset import (
    StageConfig,
    daily_asset,
    materialize_stage,
)
from callqa_assets.domain.days import Calendar, trailing_days
from callqa_assets.stages.alerts import CODE_VERSION, alerts_stage
from callqa_assets.stages.contract import Progress
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.alerts import (
    count_alerts,
    read_volume_by_priority,
)
from callqa_assets.warehouse.outbox import Outbox
from callqa_assets.warehouse.rule_sets import accept_rules
from resources.dagster_resources import (
    HomeResource,
    NotifierResource,
    RulesResource,
    WarehouseResource,
)
from resources.notifier.receiver_config import ChannelsError
from resources.storage.config_files import read_rules_file
from resources.storage.lake import EmotionLake

BACKFILL_TAG = "dagster/backfill"
"""Run tag of Dagster's, on every run of a backfill."""


@daily_asset(
    tables=["alerts"],
    group="alerts",
    kinds={"python", "sql"},
    code_version=CODE_VERSION,
    deps=["vad_segments", "transcripts", "emotion_scores"],
)
def alerts(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: WarehouseResource,
    rules: RulesResource,
    notifier: NotifierResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """Rules that fired on the day's calls: what, when, how strongly, and the evidence."""
    opened = warehouse.open()
    in_force = accept_rules(opened, read_rules_file(Path(rules.path)))
    if in_force.problem:
        context.log.error("%s; the last accepted rules stay in force", in_force.problem)

    def describe(connection: sa.Connection, day: str) -> dict[str, Any]:
        days = trailing_days(day)
        plot = alert_volume_plot(
            read_volume_by_priority(connection, days), [date.fromisoformat(d) for d in days]
        )
        return {
            "alerts_in_force": count_alerts(connection, day),
            "alert_volume": dg.MetadataValue.md(
                f"![alerts to {day}](data:image/png;base64,{base64.b64encode(plot).decode()})"
            ),
            "rule_set": in_force.rules.rule_hash[:12],
        }

    materialize_stage(
        context,
        opened,
        alerts_stage(
            opened,
            EmotionLake(home.open()),
            in_force.rules,
            _open_outbox(context, notifier, home.open().calendar),
        ),
        tables.alerts,
        force=config.force,
        progress=progress,
        describe=describe,
    )
    finish_day(context, opened)


def _open_outbox(
    context: dg.AssetExecutionContext, notifier: NotifierResource, calendar: Calendar
) -> Outbox:
    """A bad channels file must not cost a day its alerts: they wait until it is mended."""
    is_backfill = BACKFILL_TAG in context.run.tags
    try:
        return Outbox(notifier.open().settings.deliver_max_age, is_backfill, calendar)
    except ChannelsError as error:
        context.log.error("%s; alerts are stored, and wait to be delivered", error)
        return Outbox(is_backfill=is_backfill, calendar=calendar)
