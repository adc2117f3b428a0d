"""What all assets declare to Dagster: daily partitions, owner, table schema."""

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.domain.errors import CallqaError
from callqa_assets.partitions import BACKFILL
from callqa_assets.stages.planning import PROCESS_TAG

_SQL_TYPES = {
    sa.Integer: "integer",
    sa.Double: "double",
    sa.Boolean: "boolean",
    sa.JSON: "json",
}


OWNERS = ["team:speech-analytics"]


@dataclass(frozen=True)
class DailyAsset:
    """A daily asset. Its partitions depend on the home, so it is built when a home is opened."""

    name: str
    description: str
    compute: Callable[..., None]
    """The asset's function; Dagster fills in its parameters by name."""
    tables: Sequence[sa.Table]
    """Tables that it writes; Dagster shows the columns of the first."""
    group: str
    kinds: Collection[str]
    code_version: str
    deps: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `dg.asset`."""

    def build(self, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # `backfill_policy` is still in beta; one run per range of days needs it.
            warnings.filterwarnings("ignore", message=".*backfill_policy", category=dg.BetaWarning)
            return dg.asset(
                name=self.name,
                description=self.description,
                partitions_def=days,
                backfill_policy=BACKFILL,
                group_name=self.group,
                kinds=set(self.kinds),
                owners=OWNERS,
                code_version=self.code_version,
                deps=list(self.deps),
                metadata=table_metadata(self.tables),
                **self.options,
            )(self.compute)


def table_metadata(tables: Sequence[sa.Table]) -> dict[str, Any]:
    """Definition metadata of an asset: its tables, and the columns of the first."""
    columns = [
        dg.TableColumn(
            column.name,
            next((t for kind, t in _SQL_TYPES.items() if isinstance(column.type, kind)), "text"),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in tables[0].columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/relation_identifier": ", ".join(table.name for table in tables),
    }


class NoDaysChosenError(CallqaError):
    """A run of an asset that names no day."""


def days_of(context: dg.AssetExecutionContext) -> list[str]:
    """The days that the run covers. Raises NoDaysChosenError."""
    if not context.run.is_partitioned:
        raise NoDaysChosenError(
            "the run names no day: choose partitions in the launchpad, or add "
            "`--partition 2025-03-14` to the command"
        )
    return list(context.partition_keys)


def tag_process(context: dg.AssetExecutionContext) -> None:
    """Tag the run with the process that works on it."""
    context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: str(ProcessIdentity.current())})
