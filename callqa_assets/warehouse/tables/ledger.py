"""Tables of what is stored of each recording and by what, and of days that are due."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import (
    Day,
    Hash,
    Json,
    UtcDateTime,
    day_column,
    metadata,
    recording_id_column,
)

stage_runs = sa.Table(
    "stage_runs",
    metadata,
    recording_id_column(primary_key=True),
    sa.Column(
        "stage",
        sa.String(16),
        primary_key=True,
        comment="Name of the stage, e.g. `transcripts`.",
    ),
    day_column(),
    sa.Column(
        "fingerprint",
        Hash,
        comment="Code, model and parameters that computed what is stored, in `fingerprints`; NULL "
        "until the stage succeeded once.",
    ),
    sa.Column(
        "input_version",
        Hash,
        comment="Hash of the input of what is stored; NULL until the stage succeeded once.",
    ),
    sa.Column(
        "output_version",
        Hash,
        comment="Hash of that input and the fingerprint; NULL until the stage succeeded once.",
    ),
    sa.Column(
        "status",
        sa.String(8),
        nullable=False,
        comment="`ok`; `claimed`: being computed, or, without `claimed_by`, left by a run that was "
        "stopped; `failed`: the last attempt failed; `blocked`: an "
        "earlier stage failed for this recording.",
    ),
    sa.Column(
        "target",
        Hash,
        comment="Hash of the fingerprint and input that are wanted: another target starts the "
        "count of attempts again. NULL: never attempted.",
    ),
    sa.Column(
        "attempts",
        sa.Integer,
        nullable=False,
        default=0,
        comment="Attempts at this target, counted when they begin. Given up after 3 errors, or "
        "after 6 deaths of the process.",
    ),
    sa.Column(
        "claimed_by",
        sa.Text,
        comment="The process that works on it (host, pid, start, token); NULL: none.",
    ),
    sa.Column(
        "lease_until",
        UtcDateTime,
        comment="When that process's claim ends, UTC; NULL: not claimed.",
    ),
    sa.Column(
        "artifact",
        sa.Text,
        comment="Parquet file with the recording's emotion track, relative to the home; NULL for "
        "other stages than `emotions`, and until that succeeded once.",
    ),
    sa.Column(
        "error",
        sa.Text,
        comment="Error of the last attempt that failed, or the stage that blocks it, at most 2,000 "
        "characters; NULL: neither since it last succeeded.",
    ),
    sa.Column(
        "seconds",
        sa.Double,
        comment="Computing time, s: the recording's share of its batch by duration, without "
        "reading the audio; NULL until the stage succeeded once.",
    ),
    sa.Column(
        "audio_s",
        sa.Double,
        comment="Duration of the recording, s: `seconds / audio_s` is the real-time factor; NULL "
        "until the stage succeeded once.",
    ),
    sa.Column(
        "run_id", sa.String(64), comment="The Dagster run of the last attempt; NULL: none yet."
    ),
    sa.Column(
        "finished_at",
        UtcDateTime,
        comment="When the last attempt ended, UTC; NULL: none has.",
    ),
    sa.CheckConstraint("status IN ('ok', 'failed', 'blocked', 'claimed')", name="status"),
    sa.Index(None, "day", "stage", "status"),
    comment="The ledger: what is stored of each good recording, one row for each stage.",
)

fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column(
        "fingerprint",
        Hash,
        primary_key=True,
        comment="Hash of the other columns: what decides a stage's output besides its input.",
    ),
    sa.Column(
        "stage",
        sa.String(16),
        nullable=False,
        comment="Name of the stage, e.g. `transcripts`.",
    ),
    sa.Column(
        "code_version",
        sa.Text,
        nullable=False,
        comment="`CODE_VERSION` of the stage's module.",
    ),
    sa.Column("model_id", sa.Text, comment="The model; NULL: the stage has none (`alerts`)."),
    sa.Column(
        "weights_sha256",
        Hash,
        comment="One hash over the model's weight files; NULL: the stage has no model.",
    ),
    sa.Column(
        "params",
        Json,
        nullable=False,
        comment="Thresholds, precision, beam size …; for `alerts` the rule hash.",
    ),
    comment="What computed the stored rows: one row for each combination of code, model and "
    "parameters.",
)

dirty_days = sa.Table(
    "dirty_days",
    metadata,
    sa.Column("day", Day, primary_key=True, comment="Local day, e.g. `2025-03-14`."),
    sa.Column(
        "generation",
        sa.Integer,
        nullable=False,
        comment="Grows with every arrival for the day.",
    ),
    sa.Column(
        "done_generation",
        sa.Integer,
        nullable=False,
        default=0,
        comment="The generation that the last finished run saw; while it is older than "
        "`generation`, the day waits for a run.",
    ),
    sa.Column(
        "changed_at",
        UtcDateTime,
        nullable=False,
        comment="When the last arrival was, UTC.",
    ),
    comment="Days for which something arrived.",
)
