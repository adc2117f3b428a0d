"""Tables of the full text search: which segment an entry of the index is."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from callqa_assets.warehouse.tables.columns import (
    channel_column,
    day_column,
    metadata,
    recording_id_column,
)

transcript_search = sa.Table(
    "transcript_search",
    metadata,
    sa.Column(
        "search_id",
        sa.BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="Number of the entry: days since 2020-01-01 times 10,000,000 and a number of the "
        "day, so that entries ascend by day.",
    ),
    recording_id_column(nullable=False, index=True),
    day_column(),
    channel_column(nullable=False),
    sa.Column(
        "segment_no",
        sa.Integer,
        nullable=False,
        comment="Number of the segment on its channel, from 0.",
    ),
    sa.Column(
        "search_text",
        sa.Text,
        comment="The text as it is searched: plain width, small letters, no punctuation; NULL on "
        "SQLite, whose index `transcript_fts` has the same `rowid`.",
    ),
    sa.Column(
        "grams",
        sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"),
        comment="Overlapping pairs of its characters, indexed; NULL on SQLite.",
    ),
    sa.Index("ix_transcript_search_grams", "grams", postgresql_using="gin").ddl_if(
        dialect="postgresql"
    ),
    comment="Full text search: one row for each segment with a text (`callqa search`).",
)

search_index = sa.Table(
    "search_index",
    metadata,
    sa.Column(
        "version",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="Version of the tokens; another one than the program's: `callqa search rebuild`.",
    ),
    comment="How the index of the full text search was made: one row, from the first entry on.",
)
