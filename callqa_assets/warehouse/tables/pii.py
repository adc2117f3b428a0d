"""Table of personal data in transcripts: where it is, never what it is."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.domain.pii.spans import KINDS
from callqa_assets.warehouse.tables.columns import (
    channel_column,
    day_column,
    end_s_column,
    metadata,
    recording_id_column,
    role_column,
    segment_no_column,
    start_s_column,
)

_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)

pii_spans = sa.Table(
    "pii_spans",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    segment_no_column(),
    sa.Column(
        "span_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the span in the segment, from 0.",
    ),
    day_column(index=True),
    role_column(),
    sa.Column(
        "start_char",
        sa.Integer,
        nullable=False,
        comment="First character in `text` of `transcripts`, from 0.",
    ),
    sa.Column("end_char", sa.Integer, nullable=False, comment="End in `text`, exclusive."),
    sa.Column(
        "raw_start_char",
        sa.Integer,
        nullable=False,
        comment="First character in `text_raw` of `transcripts`, from 0.",
    ),
    sa.Column("raw_end_char", sa.Integer, nullable=False, comment="End in `text_raw`, exclusive."),
    start_s_column("first word"),
    end_s_column("last word", " Both are the segment's where its words have no times."),
    sa.Column(
        "kind",
        sa.String(16),
        nullable=False,
        comment="`identity_card`, `bank_card`, `mobile`, `landline`, `passport`, `plate`, "
        "`email`, `code` (of an SMS, a password), `address`, `name`; `number`: 7 or more digits "
        "of which nothing more is known.",
    ),
    sa.Column(
        "checked",
        sa.Boolean,
        nullable=False,
        comment="Whether a check digit confirms it (identity and bank cards).",
    ),
    sa.Column(
        "confidence",
        sa.String(4),
        nullable=False,
        comment="`high`, or `low`: names, and addresses of two levels.",
    ),
    sa.Column(
        "part",
        sa.String(6),
        nullable=False,
        comment="`whole`; or `first`, `middle`, `last` of what is dictated over several segments.",
    ),
    sa.CheckConstraint("end_char > start_char AND start_char >= 0", name="order"),
    sa.CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
    comment="Personal data in transcripts: one row for each place, with the key of `transcripts`.",
)
