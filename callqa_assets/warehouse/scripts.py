"""Readers of script compliance."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from callqa_assets.warehouse.tables import script_checks


def read_script_outcomes(connection: sa.Connection, day: str) -> pl.DataFrame:
    """How often each item of each script had each outcome on a day.

    Columns: script, item, outcome, calls.
    """
    by = (script_checks.c.script, script_checks.c.item, script_checks.c.outcome)
    query = (
        sa.select(*by, sa.func.count())
        .where(script_checks.c.day == day)
        .group_by(*by)
        .order_by(*by)
    )
    return pl.DataFrame(
        [tuple(row) for row in connection.execute(query)],
        schema={"script": pl.String, "item": pl.String, "outcome": pl.String, "calls": pl.Int64},
        orient="row",
    )


def share_of_outcome(
    connection: sa.Connection, day: str, outcome: str, others: Sequence[str], *, at_least: int = 1
) -> float | None:
    """The share of an outcome among it and these others on a day, 0 to 1; None where there are
    fewer than `at_least` of them together.
    """
    # PostgreSQL's avg of such numbers is a Decimal, which Dagster's metadata does not accept.
    counted = sa.case((script_checks.c.outcome == outcome, 1.0), else_=0.0)
    query = (
        sa.select(sa.cast(sa.func.avg(counted), sa.Double))
        .where(script_checks.c.day == day, script_checks.c.outcome.in_((outcome, *others)))
        .having(sa.func.count() >= at_least)
    )
    return connection.execute(query).scalar_one_or_none()
