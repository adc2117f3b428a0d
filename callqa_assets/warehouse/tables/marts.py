"""Tables of the marts: which days changed, what each mart was made from, which days are published.

The marts' own tables are in `conversation`, `topics`, `star` …
"""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import Day, Hash, UtcDateTime, day_column, metadata

changed_days = sa.Table(
    "changed_days",
    metadata,
    sa.Column("day", Day, primary_key=True, comment="Local day, e.g. `2025-03-14`."),
    sa.Column(
        "changes",
        sa.Integer,
        nullable=False,
        comment="Number of transactions so far that changed results of calls of this day.",
    ),
    sa.Column("changed_at", UtcDateTime, nullable=False, comment="When the last one was, UTC."),
    comment="How often results of a day's calls changed: what makes its marts out of date.",
)

mart_days = sa.Table(
    "mart_days",
    metadata,
    sa.Column("mart", sa.String(40), primary_key=True, comment="The mart, e.g. `fact_call`."),
    sa.Column(
        "day", Day, primary_key=True, comment="The day whose rows these are, e.g. `2025-03-14`."
    ),
    sa.Column(
        "input_version",
        Hash,
        nullable=False,
        comment="Hash of the mart's code and configuration and of the state of the days that it "
        "read; where another one is due, the mart's day is out of date.",
    ),
    sa.Column("rows", sa.Integer, nullable=False, comment="Number of rows of the day."),
    sa.Column("seconds", sa.Double, nullable=False, comment="Time that it took to compute, s."),
    sa.Column("computed_at", UtcDateTime, nullable=False, comment="When it was computed, UTC."),
    sa.Column("run_id", sa.String(64), nullable=False, comment="The run that computed it."),
    comment="What is stored of each mart: one row for each day.",
)

published_days = sa.Table(
    "published_days",
    metadata,
    sa.Column(
        "date_key",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="The day as a number, e.g. `20250314`, as in every mart.",
    ),
    day_column(unique=True),
    sa.Column(
        "schema_version",
        sa.Integer,
        nullable=False,
        comment="Version of the marts' columns; columns are only added.",
    ),
    sa.Column(
        "calls",
        sa.Integer,
        nullable=False,
        comment="Number of good recordings in what is published.",
    ),
    sa.Column(
        "calls_incomplete",
        sa.Integer,
        nullable=False,
        comment="How many of them a stage has given up: they lack some of their values.",
    ),
    sa.Column(
        "published_at",
        UtcDateTime,
        comment="When the day's rows were last replaced, UTC; NULL: it has never been published.",
    ),
    sa.Column(
        "inputs_hash",
        Hash,
        comment="Hash over the `input_version` of all marts of the day; NULL: never published.",
    ),
    sa.Column(
        "run_id", sa.String(64), nullable=False, comment="The run that published or withheld it."
    ),
    sa.Column(
        "withheld_at",
        UtcDateTime,
        comment="When a newer state of the day was withheld, UTC: what was published before stays. "
        "NULL: what is published is what is known.",
    ),
    sa.Column("reason", sa.Text, comment="Why it is withheld; NULL: it is not."),
    comment="Which days analysts may use: all marts of a day are replaced in one transaction.",
)
