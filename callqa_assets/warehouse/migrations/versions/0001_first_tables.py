"""The first tables and views"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Moment = sa.DateTime(timezone=True)

EMOTION_RECORDS = """
CREATE VIEW emotion_records AS
SELECT s.recording_id || '/' || s.channel || '/u' || s.segment_no AS id,
       r.started_at AS timestamp, s.recording_id AS audio_id, r.agent_id, s.emotion, s.confidence,
       'utterance' AS granularity, s.start_s, s.end_s, s.embedding_path,
       EXISTS (SELECT 1 FROM alerts a WHERE a.recording_id = s.recording_id
               AND a.channel = s.channel AND a.superseded_at IS NULL
               AND a.started_s < s.end_s AND a.ended_s > s.start_s) AS alert_triggered,
       s.day, s.role
FROM emotion_scores s JOIN recordings r ON r.recording_id = s.recording_id
UNION ALL
SELECT s.recording_id || '/' || s.channel || '/f' || s.span_no,
       r.started_at, s.recording_id, r.agent_id, s.emotion, s.confidence,
       'frame', s.start_s, s.end_s, NULL,
       EXISTS (SELECT 1 FROM alerts a WHERE a.recording_id = s.recording_id
               AND a.channel = s.channel AND a.superseded_at IS NULL
               AND a.started_s < s.end_s AND a.ended_s > s.start_s),
       s.day, s.role
FROM emotion_spans s JOIN recordings r ON r.recording_id = s.recording_id
"""

RULE_PRECISION = """
CREATE VIEW rule_precision AS
WITH counting AS (
    SELECT v.alert_id, CASE WHEN v.is_true_alarm THEN 1 ELSE -1 END AS vote
    FROM alert_reviews v
    WHERE v.decided_at = (SELECT MAX(w.decided_at) FROM alert_reviews w
                          WHERE w.alert_id = v.alert_id AND w.reviewer = v.reviewer)
), verdicts AS (
    SELECT alert_id, SUM(vote) AS balance FROM counting GROUP BY alert_id
), judged AS (
    SELECT a.rule, a.mode,
           CASE WHEN v.alert_id IS NOT NULL THEN 1 ELSE 0 END AS decided,
           CASE WHEN v.balance > 0 THEN 1 ELSE 0 END AS is_true,
           CASE WHEN v.balance < 0 THEN 1 ELSE 0 END AS is_false,
           CASE WHEN a.needs_review AND v.alert_id IS NULL THEN 1 ELSE 0 END AS waiting
    FROM alerts a LEFT JOIN verdicts v ON v.alert_id = a.alert_id
    WHERE a.superseded_at IS NULL
)
SELECT rule, mode, COUNT(*) AS standing, SUM(waiting) AS waiting, SUM(decided) AS decided,
       SUM(is_true) AS true_alarms, SUM(is_false) AS false_alarms,
       CAST(SUM(is_true) AS DOUBLE PRECISION)
           / NULLIF(SUM(is_true) + SUM(is_false), 0) AS precision
FROM judged GROUP BY rule, mode
"""

STAGE_MODELS = """
CREATE VIEW stage_models AS
SELECT s.recording_id, s.day, s.stage, s.status, f.model_id, f.weights_sha256, f.code_version,
       s.fingerprint, s.run_id, s.finished_at
FROM stage_runs s JOIN fingerprints f ON f.fingerprint = s.fingerprint
"""


def upgrade() -> None:
    op.create_table(
        "dirty_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("done_generation", sa.Integer(), nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_dirty_days")),
    )

    op.create_table(
        "fingerprints",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("weights_sha256", sa.String(length=64), nullable=True),
        sa.Column("params", Json, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_fingerprints")),
    )

    op.create_table(
        "intake",
        sa.Column("source_path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("drop_root", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("recording_id", sa.String(length=32), nullable=True),
        sa.Column("archive_path", sa.Text(), nullable=True),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("stable_at", Moment, nullable=True),
        sa.CheckConstraint("kind IN ('audio', 'sidecar', 'manifest')", name=op.f("ck_intake_kind")),
        sa.CheckConstraint(
            "state IN ('seen', 'stable', 'moving', 'ingested', 'copied', 'applied', "
            "'replaced', 'gone')",
            name=op.f("ck_intake_state"),
        ),
        sa.PrimaryKeyConstraint("source_path", "size", "mtime_ns", name=op.f("pk_intake")),
    )
    op.create_index(op.f("ix_intake_day_state"), "intake", ["day", "state"], unique=False)
    op.create_index(op.f("ix_intake_drop_root_day"), "intake", ["drop_root", "day"], unique=False)
    op.create_index(
        op.f("ix_intake_drop_root_state"), "intake", ["drop_root", "state"], unique=False
    )
    op.create_index(op.f("ix_intake_name"), "intake", ["name"], unique=False)
    op.create_index(op.f("ix_intake_stem"), "intake", ["stem"], unique=False)

    op.create_table(
        "receiver_states",
        sa.Column("receiver", sa.String(length=80), nullable=False),
        sa.Column("sent", Json, nullable=False),
        sa.Column("paused_until", Moment, nullable=True),
        sa.Column("disabled_at", Moment, nullable=True),
        sa.Column("disabled_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_receiver_states")),
    )

    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("time_source", sa.String(length=10), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("line", sa.Text(), nullable=True),
        sa.Column("business_line", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("channel_roles", Json, nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("archive_path", sa.Text(), nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("metadata_version", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.String(length=32), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), nullable=False),
        sa.Column("ingested_at", Moment, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "status IN ('ok', 'quarantined', 'duplicate')", name=op.f("ck_recordings_status")
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["recordings.recording_id"], name=op.f("fk_recordings_duplicate_of")
        ),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_recordings")),
    )
    op.create_index(
        op.f("ix_recordings_agent_id_day"), "recordings", ["agent_id", "day"], unique=False
    )
    op.create_index(op.f("ix_recordings_day_status"), "recordings", ["day", "status"], unique=False)
    op.create_index(
        "uq_recordings_content_ok",
        "recordings",
        ["content_sha256"],
        unique=True,
        sqlite_where=sa.text("status = 'ok'"),
        postgresql_where=sa.text("status = 'ok'"),
    )

    op.create_table(
        "rule_sets",
        sa.Column("rule_hash", sa.String(length=64), nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("accepted_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("rule_hash", name=op.f("pk_rule_sets")),
    )

    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_hash", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=8), nullable=False),
        sa.Column("started_s", sa.Double(), nullable=False),
        sa.Column("ended_s", sa.Double(), nullable=False),
        sa.Column("fired_at_s", sa.Double(), nullable=False),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("inhibited_by", sa.Text(), nullable=True),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("superseded_at", Moment, nullable=True),
        sa.CheckConstraint("mode IN ('live', 'shadow')", name=op.f("ck_alerts_mode")),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_alerts_recording_id")
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_day"), "alerts", ["day"], unique=False)
    op.create_index(op.f("ix_alerts_recording_id"), "alerts", ["recording_id"], unique=False)

    op.create_table(
        "emotion_scores",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("segment_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("angry", sa.Double(), nullable=False),
        sa.Column("disgusted", sa.Double(), nullable=False),
        sa.Column("fearful", sa.Double(), nullable=False),
        sa.Column("happy", sa.Double(), nullable=False),
        sa.Column("neutral", sa.Double(), nullable=False),
        sa.Column("other", sa.Double(), nullable=False),
        sa.Column("sad", sa.Double(), nullable=False),
        sa.Column("surprised", sa.Double(), nullable=False),
        sa.Column("unknown", sa.Double(), nullable=False),
        sa.Column("emotion", sa.String(length=12), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("embedding_path", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_emotion_scores_recording_id"),
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "segment_no", name=op.f("pk_emotion_scores")
        ),
    )
    op.create_index(op.f("ix_emotion_scores_day"), "emotion_scores", ["day"], unique=False)

    op.create_table(
        "emotion_spans",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("span_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("emotion", sa.String(length=12), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_emotion_spans_recording_id"),
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "span_no", name=op.f("pk_emotion_spans")
        ),
    )
    op.create_index(op.f("ix_emotion_spans_day"), "emotion_spans", ["day"], unique=False)

    op.create_table(
        "segments",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("segment_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("level_dbfs", sa.Double(), nullable=False),
        sa.CheckConstraint("end_s > start_s AND start_s >= 0", name=op.f("ck_segments_order")),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_segments_recording_id")
        ),
        sa.PrimaryKeyConstraint("recording_id", "channel", "segment_no", name=op.f("pk_segments")),
    )
    op.create_index(op.f("ix_segments_day"), "segments", ["day"], unique=False)

    op.create_table(
        "stage_runs",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("input_version", sa.String(length=64), nullable=True),
        sa.Column("output_version", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", Moment, nullable=True),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("audio_s", sa.Double(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.CheckConstraint(
            "status IN ('ok', 'failed', 'blocked', 'claimed')", name=op.f("ck_stage_runs_status")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_stage_runs_recording_id")
        ),
        sa.PrimaryKeyConstraint("recording_id", "stage", name=op.f("pk_stage_runs")),
    )
    op.create_index(
        op.f("ix_stage_runs_day_stage_status"),
        "stage_runs",
        ["day", "stage", "status"],
        unique=False,
    )

    op.create_table(
        "transcripts",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("segment_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("text_raw", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("alignment", Json, nullable=False),
        sa.Column("words", Json, nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("doubtful_hotwords", Json, nullable=False),
        sa.Column("text_without_hotwords", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_transcripts_recording_id")
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "segment_no", name=op.f("pk_transcripts")
        ),
    )
    op.create_index(op.f("ix_transcripts_day"), "transcripts", ["day"], unique=False)

    op.create_table(
        "alert_deliveries",
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("receiver", sa.String(length=80), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("suppressed_because", sa.String(length=10), nullable=True),
        sa.Column("payload", Json, nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("accepted_by", Json, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", Moment, nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", Moment, nullable=True),
        sa.Column("waiting_since", Moment, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("delivered_at", Moment, nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'delivered', 'suppressed', 'dead')",
            name=op.f("ck_alert_deliveries_status"),
        ),
        sa.CheckConstraint(
            "suppressed_because IN ('old', 'backfill', 'withdrawn')",
            name=op.f("ck_alert_deliveries_suppressed_because"),
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name=op.f("fk_alert_deliveries_alert_id")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_alert_deliveries_recording_id"),
        ),
        sa.PrimaryKeyConstraint("alert_id", "receiver", name=op.f("pk_alert_deliveries")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_alert_deliveries_delivery_id")),
    )
    op.create_index(op.f("ix_alert_deliveries_day"), "alert_deliveries", ["day"], unique=False)
    op.create_index(
        op.f("ix_alert_deliveries_message_id"), "alert_deliveries", ["message_id"], unique=False
    )
    op.create_index(
        op.f("ix_alert_deliveries_recording_id"), "alert_deliveries", ["recording_id"], unique=False
    )
    op.create_index(
        op.f("ix_alert_deliveries_status_receiver_next_attempt_at"),
        "alert_deliveries",
        ["status", "receiver", "next_attempt_at"],
        unique=False,
    )

    op.create_table(
        "alert_reviews",
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("decided_at", Moment, nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("is_true_alarm", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name=op.f("fk_alert_reviews_alert_id")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_alert_reviews_recording_id"),
        ),
        sa.PrimaryKeyConstraint(
            "alert_id", "reviewer", "decided_at", name=op.f("pk_alert_reviews")
        ),
    )
    op.create_index(
        op.f("ix_alert_reviews_recording_id"), "alert_reviews", ["recording_id"], unique=False
    )

    op.execute(EMOTION_RECORDS)
    op.execute(RULE_PRECISION)
    op.execute(STAGE_MODELS)


def downgrade() -> None:
    for view in ("stage_models", "rule_precision", "emotion_records"):
        op.execute(f"DROP VIEW {view}")
    for table in (
        "alert_reviews",
        "alert_deliveries",
        "transcripts",
        "stage_runs",
        "segments",
        "emotion_spans",
        "emotion_scores",
        "alerts",
        "rule_sets",
        "recordings",
        "receiver_states",
        "intake",
        "fingerprints",
        "dirty_days",
    ):
        op.drop_table(table)
