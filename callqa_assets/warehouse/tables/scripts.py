"""Table of script compliance."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.domain.scripts.evaluate import OUTCOMES, REASONS
from callqa_assets.warehouse.tables.columns import day_column, metadata, recording_id_column


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(map(repr, values))})"


script_checks = sa.Table(
    "script_checks",
    metadata,
    recording_id_column(primary_key=True),
    sa.Column(
        "script",
        sa.String(80),
        primary_key=True,
        comment="Name of the script in `configs/scripts.yaml`, e.g. `service`.",
    ),
    sa.Column("item", sa.String(80), primary_key=True, comment="Its item, e.g. `greeting`."),
    day_column(index=True),
    sa.Column(
        "outcome",
        sa.String(16),
        nullable=False,
        comment="`passed`: said in its place, or a forbidden phrase not said; `missed`; `unsure`; "
        "`forbidden`: a forbidden phrase was said; `not_applicable`.",
    ),
    sa.Column(
        "reason",
        sa.String(16),
        comment="Of `missed`: `not_said`, `out_of_place` (it was, outside its window or order); of "
        "`unsure`: `doubtful_text` (a transcript of low confidence), `role_unknown` (both sides on "
        "one channel), `negation` (the phrase but for a negation); of `not_applicable`: "
        "`not_mentioned` (what it goes with), `nobody_spoke`. NULL: `passed` or `forbidden`.",
    ),
    sa.Column(
        "needs_review",
        sa.Boolean,
        nullable=False,
        comment="A person is to listen: a forbidden phrase, or one that a negation turns round.",
    ),
    sa.Column(
        "expected",
        sa.Text,
        nullable=False,
        comment="The item's wordings, e.g. `感谢您的来电 / 祝您生活愉快`.",
    ),
    sa.Column(
        "matched_text",
        sa.Text,
        comment="What was heard, as transcribed before numbers are written in digits; NULL: "
        "nothing like it.",
    ),
    sa.Column(
        "score",
        sa.Double,
        comment="How much of the phrase was heard, 100: every syllable. NULL as `matched_text`.",
    ),
    sa.Column(
        "channel",
        sa.Integer,
        comment="Audio channel of the words, from 0; NULL as `matched_text`.",
    ),
    sa.Column(
        "role",
        sa.String(32),
        comment="Who speaks there, as in `segments`; NULL as `matched_text`.",
    ),
    sa.Column(
        "start_s",
        sa.Double,
        comment="Start of the words, s from the start of the recording; NULL as `matched_text`.",
    ),
    sa.Column(
        "end_s",
        sa.Double,
        comment="Their end, s from the start of the recording; NULL as `matched_text`.",
    ),
    sa.Column(
        "window_start_s",
        sa.Double,
        comment="From when it was to be said, s from the start of the recording; NULL: "
        "`not_applicable`.",
    ),
    sa.Column(
        "window_end_s",
        sa.Double,
        comment="Until when, s from the start of the recording; NULL: `not_applicable`.",
    ),
    sa.CheckConstraint(_one_of("outcome", OUTCOMES), name="outcome"),
    sa.CheckConstraint(_one_of("reason", REASONS), name="reason"),
    comment="Which items of its scripts each call meets: one row for each item of each script that "
    "is for the call.",
)
