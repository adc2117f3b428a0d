"""Mart `fact_alert`: alerts in force."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from callqa_assets.marts.day_calls import join_calls, pick, read_day_calls
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.dimensions import find_or_add_keys
from callqa_assets.warehouse.tables import alerts, dim_rule, fact_alert


def _compute(context: MartContext, day: str) -> MartRows:
    calls = read_day_calls(context, day)
    query = (
        sa.select(*(column for column in alerts.columns if column.name != "evidence"))
        .where(alerts.c.day == day, alerts.c.superseded_at.is_(None))
        .order_by(alerts.c.started_s, alerts.c.alert_id)
    )
    found = list(join_calls(context.connection.execute(query).mappings(), calls))
    keys = find_or_add_keys(context.connection, dim_rule, [(alert["rule"],) for alert, _ in found])
    numbers: Counter[int] = Counter()
    rows = []
    for alert, call in found:
        rows.append(
            pick(alert, fact_alert)
            | call
            | {
                "alert_no": numbers[call["call_key"]],
                "rule_key": keys[alert["rule"],],
                "start_s": alert["started_s"],
                "end_s": alert["ended_s"],
                "is_inhibited": alert["inhibited_by"] is not None,
            }
        )
        numbers[call["call_key"]] += 1
    return {fact_alert: rows}


MART = Mart(
    name="fact_alert",
    description="Alerts in force, a row for each.",
    tables=(fact_alert,),
    code_version="1",
    compute=_compute,
)
