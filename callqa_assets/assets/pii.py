"""Asset `pii_spans`: where personal data stands in the transcripts."""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.stage_asset import stage_asset
from callqa_assets.stages.contract import Stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.stages.pii import STAGE
from callqa_assets.warehouse.pii import count_pii


def _describe(
    context: StageContext, stage: Stage[Any, Any], connection: sa.Connection, day: str
) -> dict[str, Any]:
    return {"spans_by_kind": dg.MetadataValue.json(count_pii(connection, day))}


pii_spans = stage_asset(
    STAGE,
    description="Where personal data stands in the transcripts and when it is said: cards, phones, "
    "addresses, names.",
    group="privacy",
    kinds={"python", "sql"},
    describe=_describe,
)
