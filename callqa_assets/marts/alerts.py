"""Mart `fact_alert`: alerts in force."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.marts.facts import add_members, select_fact
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import alerts, dim_rule, fact_alert


def _compute(context: MartContext, day: str) -> MartRows:
    add_members(context, dim_rule, day, [alerts.c.rule])
    by_time = (alerts.c.started_s, alerts.c.alert_id)
    number = sa.func.row_number().over(partition_by=alerts.c.recording_id, order_by=by_time)
    found = select_fact(
        fact_alert,
        alerts,
        day,
        (number - 1).label("alert_no"),
        dim_rule.c.rule_key,
        alerts.c.started_s.label("start_s"),
        alerts.c.ended_s.label("end_s"),
        alerts.c.inhibited_by.is_not(None).label("is_inhibited"),
    )
    in_force = alerts.c.superseded_at.is_(None)
    return {fact_alert: [found.join(dim_rule, dim_rule.c.rule == alerts.c.rule).where(in_force)]}


MART = Mart(
    name="fact_alert",
    description="Alerts in force, a row for each.",
    tables=(fact_alert,),
    code_version="1",
    compute=_compute,
    reads=("fact_call",),
)
