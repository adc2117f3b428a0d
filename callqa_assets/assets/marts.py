"""The marts: an asset each, and one step that publishes all of a day in one transaction."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.daily_asset import OWNERS, days_of, table_metadata, tag_process
from callqa_assets.assets.mart_plots import agents_plot, queues_plot, rows_plot
from callqa_assets.assets.plots import embed_png
from callqa_assets.assets.run_outbox import open_outbox
from callqa_assets.assets.stage_asset import StageConfig
from callqa_assets.domain.days import trailing_days
from callqa_assets.marts.mart import Mart
from callqa_assets.marts.publishing import DayReport, Publisher
from callqa_assets.marts.registry import MARTS
from callqa_assets.marts.report.writing import write_report
from callqa_assets.partitions import BACKFILL
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.registry import STAGES
from callqa_assets.warehouse.mart_figures import (
    read_agent_comparison,
    read_queue_shares,
    read_row_counts,
)
from resources.dagster_resources import (
    CustomerKey,
    HomeResource,
    NotifierResource,
    WarehouseResource,
)
from resources.storage.home import Home

STEP = "publish"
_REPORTED_WITH = MARTS[0].name
"""The mart whose page has the link to the day's report."""

Plot = Callable[[sa.Connection, str], Mapping[str, Any]]
"""(connection, day) to metadata of one mart's day: its plot."""


def _agents(connection: sa.Connection, day: str) -> Mapping[str, Any]:
    plot = agents_plot(
        read_agent_comparison(connection, day, "unhappy"), "unhappy calls", date.fromisoformat(day)
    )
    return {"agents": embed_png(plot, f"agents against what is expected, to {day}")}


def _queues(connection: sa.Connection, day: str) -> Mapping[str, Any]:
    plot = queues_plot(read_queue_shares(connection, day), date.fromisoformat(day))
    return {"queues": embed_png(plot, f"queues of {day}")}


def _plot_rows(connection: sa.Connection, mart: str, day: str) -> dg.MetadataValue[Any]:
    counts = read_row_counts(connection, mart, trailing_days(day))
    plot = rows_plot({date.fromisoformat(d): rows for d, rows in counts.items()}, mart)
    return embed_png(plot, f"rows of {mart} to {day}")


PLOTS: Mapping[str, Plot] = {"agent_daily": _agents, "queue_daily": _queues}
"""By mart, besides the plot of its rows by day that every mart has."""

REPORT_LANGUAGE = "zh"


def open_publisher(
    warehouse: WarehouseResource, home: HomeResource, customer_key: CustomerKey
) -> Publisher:
    """It tells nobody of what it publishes: that takes a run's `open_outbox`."""
    return Publisher(
        warehouse.open(), MARTS, home.open().calendar, Path(home.configs), customer_key.value
    )


@dataclass(frozen=True)
class MartAssets:
    """The marts as assets. Their partitions depend on the home, so they are built for one."""

    marts: Sequence[Mart]

    def build(self, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # `backfill_policy` is still in beta; one run per range of days needs it.
            warnings.filterwarnings("ignore", message=".*backfill_policy", category=dg.BetaWarning)
            return dg.multi_asset(
                name=STEP,
                partitions_def=days,
                backfill_policy=BACKFILL,
                specs=[_describe_mart(mart) for mart in self.marts],
            )(_publish)


def _describe_mart(mart: Mart) -> dg.AssetSpec:
    return dg.AssetSpec(
        mart.name,
        deps=[*mart.reads] or [stage.asset for stage in STAGES],
        description=mart.description,
        group_name="marts",
        kinds={"sql"},
        owners=OWNERS,
        code_version=mart.code_version,
        metadata=table_metadata(mart.tables),
    )


def _publish(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: dg.ResourceParam[WarehouseResource],
    customer_key: dg.ResourceParam[CustomerKey],
    notifier: dg.ResourceParam[NotifierResource],
    progress: dg.ResourceParam[Progress],
):
    # Without a return type: Dagster would expect a tuple.
    tag_process(context)
    days = days_of(context)
    publisher = replace(
        open_publisher(warehouse, home, customer_key), outbox=open_outbox(context, notifier, home)
    )
    span = days[0] if len(days) == 1 else f"{days[0]}..{days[-1]}"
    reports: dict[str, DayReport] = {}
    run_id = context.run.run_id
    for report in publisher.publish_days(days, run_id=run_id, force=config.force):
        before = reports.get(report.day, report)
        reports[report.day] = replace(report, computed=before.computed | report.computed)
        progress(STEP, span, len(reports), len(days))
    for day, report in reports.items():
        if report.withheld:
            context.log.error("%s is withheld: %s", day, report.withheld)
        if report.computed:
            write_report(publisher.warehouse, home.open(), day, REPORT_LANGUAGE)
        # The plot of rows shows the days before, too: one for the whole run.
        _attach_metadata(context, publisher, home.open(), report, with_rows_plot=day == days[-1])


def _attach_metadata(
    context: dg.AssetExecutionContext,
    publisher: Publisher,
    home: Home,
    report: DayReport,
    *,
    with_rows_plot: bool,
) -> None:
    """Of each mart that was computed: rows, seconds, plots; of each other one, why not."""
    with publisher.warehouse.read() as connection:
        for mart in publisher.marts:
            metadata: dict[str, Any] = {"published": report.withheld or "as it was"}
            if computed := report.computed.get(mart.name):
                metadata = {
                    "published": "now",
                    "dagster/partition_row_count": computed.rows,
                    "seconds": round(computed.seconds, 3),
                }
                if with_rows_plot:
                    metadata["rows_by_day"] = _plot_rows(connection, mart.name, report.day)
                if mart.name in PLOTS:
                    metadata.update(PLOTS[mart.name](connection, report.day))
                if mart.name == _REPORTED_WITH:
                    metadata["daily_report"] = dg.MetadataValue.path(
                        str(home.reports / f"{report.day}.html")
                    )
            context.add_asset_metadata(metadata, asset_key=mart.name, partition_key=report.day)


marts = MartAssets(MARTS)
