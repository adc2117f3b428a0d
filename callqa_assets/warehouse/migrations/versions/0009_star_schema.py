"""Star schema; views whose columns have declared types on SQLite"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

Moment = sa.DateTime(timezone=True)

# On SQLite a view's column has the type of the table's column in the *first* SELECT, or none where
# that is an expression; clients show such columns as of unknown type, or leave them out. So each
# view begins with a SELECT that finds nothing and names columns of the right types.
EMOTION_RECORDS_TYPES = """
SELECT r.source_name AS id, r.started_at AS timestamp, s.recording_id AS audio_id, r.agent_id,
       s.emotion, s.confidence, s.emotion AS granularity, s.start_s, s.end_s, s.embedding_path,
       a.needs_review AS alert_triggered, s.day, s.role
FROM emotion_scores s, recordings r, alerts a WHERE 1 = 0
UNION ALL"""

RULE_PRECISION_TYPES = """
SELECT a.rule, a.mode, a.channel AS standing, a.channel AS waiting, a.channel AS decided,
       a.channel AS true_alarms, a.channel AS false_alarms, a.peak AS precision
FROM alerts a WHERE 1 = 0
UNION ALL"""

EMOTION_RECORDS = """
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

RULE_PRECISION_PARTS = """
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
"""

RULE_PRECISION = """
SELECT rule, mode, COUNT(*) AS standing, SUM(waiting) AS waiting, SUM(decided) AS decided,
       SUM(is_true) AS true_alarms, SUM(is_false) AS false_alarms,
       CAST(SUM(is_true) AS DOUBLE PRECISION)
           / NULLIF(SUM(is_true) + SUM(is_false), 0) AS precision
FROM judged GROUP BY rule, mode
"""


def upgrade() -> None:
    op.create_table(
        "call_keys",
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("call_key", name=op.f("pk_call_keys")),
        sa.UniqueConstraint("recording_id", name=op.f("uq_call_keys_recording_id")),
    )
    op.create_table(
        "dim_agent",
        sa.Column("agent_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("agent_key", name=op.f("pk_dim_agent")),
        sa.UniqueConstraint("agent_id", name=op.f("uq_dim_agent_agent_id")),
    )
    op.create_table(
        "dim_date",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("quarter", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("day_of_month", sa.Integer(), nullable=False),
        sa.Column("iso_year", sa.Integer(), nullable=False),
        sa.Column("iso_week", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("is_weekend", sa.Boolean(), nullable=False),
        sa.Column("is_workday", sa.Boolean(), nullable=True),
        sa.Column("holiday", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("date_key", name=op.f("pk_dim_date")),
    )
    op.create_table(
        "dim_model_set",
        sa.Column("model_set_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("vad_model", sa.Text(), nullable=True),
        sa.Column("asr_model", sa.Text(), nullable=True),
        sa.Column("emotion_model", sa.Text(), nullable=True),
        sa.Column("fingerprints", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("model_set_key", name=op.f("pk_dim_model_set")),
        sa.UniqueConstraint("fingerprints", name=op.f("uq_dim_model_set_fingerprints")),
    )
    op.create_table(
        "dim_queue",
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("queue_key", name=op.f("pk_dim_queue")),
        sa.UniqueConstraint("queue", name=op.f("uq_dim_queue_queue")),
    )
    op.create_table(
        "dim_rule",
        sa.Column("rule_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("rule_key", name=op.f("pk_dim_rule")),
        sa.UniqueConstraint("rule", name=op.f("uq_dim_rule_rule")),
    )
    op.create_table(
        "dim_script_item",
        sa.Column("script_item_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("script", sa.Text(), nullable=True),
        sa.Column("item", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("script_item_key", name=op.f("pk_dim_script_item")),
        sa.UniqueConstraint("script", "item", name=op.f("uq_dim_script_item_script_item")),
    )
    op.create_table(
        "dim_topic",
        sa.Column("topic_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("topic_key", name=op.f("pk_dim_topic")),
        sa.UniqueConstraint("topic", name=op.f("uq_dim_topic_topic")),
    )
    op.create_table(
        "fact_alert",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("alert_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("rule_key", sa.Integer(), nullable=False),
        sa.Column("priority", sa.String(length=8), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("fired_at_s", sa.Double(), nullable=False),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("is_inhibited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("date_key", "call_key", "alert_no", name=op.f("pk_fact_alert")),
    )
    op.create_table(
        "fact_call",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("started_local", sa.DateTime(), nullable=False),
        sa.Column(
            "started_utc",
            Moment,
            nullable=False,
        ),
        sa.Column(
            "ingested_utc",
            Moment,
            nullable=False,
        ),
        sa.Column(
            "analysed_utc",
            Moment,
            nullable=True,
        ),
        sa.Column("model_set_key", sa.Integer(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("line", sa.Text(), nullable=True),
        sa.Column("business_line", sa.Text(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("channels_ok", sa.Boolean(), nullable=True),
        sa.Column("time_basis", sa.String(length=8), nullable=True),
        sa.Column("conversation_start_s", sa.Double(), nullable=True),
        sa.Column("conversation_end_s", sa.Double(), nullable=True),
        sa.Column("conversation_s", sa.Double(), nullable=True),
        sa.Column("lead_silence_s", sa.Double(), nullable=True),
        sa.Column("tail_silence_s", sa.Double(), nullable=True),
        sa.Column("agent_talk_s", sa.Double(), nullable=True),
        sa.Column("customer_talk_s", sa.Double(), nullable=True),
        sa.Column("talk_balance", sa.Double(), nullable=True),
        sa.Column("overlap_s", sa.Double(), nullable=True),
        sa.Column("overlap_share", sa.Double(), nullable=True),
        sa.Column("silence_s", sa.Double(), nullable=True),
        sa.Column("silence_over_3s_s", sa.Double(), nullable=True),
        sa.Column("silence_over_5s_s", sa.Double(), nullable=True),
        sa.Column("silences_over_3s", sa.Integer(), nullable=True),
        sa.Column("longest_silence_s", sa.Double(), nullable=True),
        sa.Column("hold_s", sa.Double(), nullable=True),
        sa.Column("unheard_s", sa.Double(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=True),
        sa.Column("agent_interruptions", sa.Integer(), nullable=True),
        sa.Column("customer_interruptions", sa.Integer(), nullable=True),
        sa.Column("response_delay_median_s", sa.Double(), nullable=True),
        sa.Column("response_delay_p90_s", sa.Double(), nullable=True),
        sa.Column("response_delays", sa.Integer(), nullable=True),
        sa.Column("agent_chars_per_min", sa.Double(), nullable=True),
        sa.Column("customer_chars_per_min", sa.Double(), nullable=True),
        sa.Column("customer_labelled_s", sa.Double(), nullable=True),
        sa.Column("customer_negative_s", sa.Double(), nullable=True),
        sa.Column("customer_negative_share", sa.Double(), nullable=True),
        sa.Column("customer_final_emotion", sa.String(length=12), nullable=True),
        sa.Column("tone_text_conflicts", sa.Integer(), nullable=True),
        sa.Column("is_unhappy", sa.Boolean(), nullable=True),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("alerts_high", sa.Integer(), nullable=False),
        sa.Column("script_applicable", sa.Integer(), nullable=False),
        sa.Column("script_missed", sa.Integer(), nullable=False),
        sa.Column("script_forbidden", sa.Integer(), nullable=False),
        sa.Column("script_unsure", sa.Integer(), nullable=False),
        sa.Column("topics", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("date_key", "call_key", name=op.f("pk_fact_call")),
    )
    op.create_index(op.f("ix_fact_call_call_key"), "fact_call", ["call_key"], unique=False)
    op.create_index(op.f("ix_fact_call_recording_id"), "fact_call", ["recording_id"], unique=False)

    op.create_table(
        "fact_call_channel",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("conversation_s", sa.Double(), nullable=True),
        sa.Column("talk_s", sa.Double(), nullable=True),
        sa.Column("talk_share", sa.Double(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=True),
        sa.Column("chars", sa.Integer(), nullable=True),
        sa.Column("chars_per_min_median", sa.Double(), nullable=True),
        sa.Column("chars_per_min_p90", sa.Double(), nullable=True),
        sa.Column("overlaps_over_300ms", sa.Integer(), nullable=True),
        sa.Column("interruptions", sa.Integer(), nullable=True),
        sa.Column("interruptions_yielded", sa.Integer(), nullable=True),
        sa.Column("interruptions_per_10min", sa.Double(), nullable=True),
        sa.Column("backchannels", sa.Integer(), nullable=True),
        sa.Column("level_median_dbfs", sa.Double(), nullable=True),
        sa.Column("level_rise_db", sa.Double(), nullable=True),
        sa.Column("labelled_s", sa.Double(), nullable=True),
        sa.Column("negative_s", sa.Double(), nullable=True),
        sa.Column("negative_share", sa.Double(), nullable=True),
        sa.Column("trend", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "call_key", "channel", name=op.f("pk_fact_call_channel")
        ),
    )
    op.create_table(
        "fact_call_quarter",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quarter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("labelled_s", sa.Double(), nullable=True),
        sa.Column("negative_s", sa.Double(), nullable=True),
        sa.Column("negative_share", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "call_key", "channel", "quarter", name=op.f("pk_fact_call_quarter")
        ),
    )
    op.create_table(
        "fact_repeat_contact",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("customer_hash", sa.String(length=64), nullable=True),
        sa.Column("is_repeat", sa.Boolean(), nullable=True),
        sa.Column("repeat_of_call_key", sa.Integer(), nullable=True),
        sa.Column("repeat_topic_key", sa.Integer(), nullable=True),
        sa.Column("repeat_after_s", sa.Double(), nullable=True),
        sa.Column("repeat_after_workdays", sa.Integer(), nullable=True),
        sa.Column("repeated_within_7d", sa.Boolean(), nullable=True),
        sa.Column("chain_call_key", sa.Integer(), nullable=True),
        sa.Column("chain_position", sa.Integer(), nullable=True),
        sa.Column("chain_length", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("date_key", "call_key", name=op.f("pk_fact_repeat_contact")),
    )
    op.create_table(
        "fact_script_check",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("script_item_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(length=32), nullable=True),
        sa.Column("start_s", sa.Double(), nullable=True),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("matched_text", sa.Text(), nullable=True),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "date_key", "call_key", "script_item_key", name=op.f("pk_fact_script_check")
        ),
    )
    op.create_table(
        "fact_segment",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("segment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("emotion", sa.String(length=12), nullable=True),
        sa.Column("emotion_confidence", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "call_key", "channel", "segment_no", name=op.f("pk_fact_segment")
        ),
    )
    op.create_table(
        "fact_topic_hit",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_day", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("segment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hit_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic_key", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "date_key",
            "call_key",
            "channel",
            "segment_no",
            "hit_no",
            name=op.f("pk_fact_topic_hit"),
        ),
    )
    op.create_table(
        "mart_columns",
        sa.Column("table_name", sa.String(length=64), nullable=False),
        sa.Column("column_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("column_name", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=16), nullable=True),
        sa.Column("is_key", sa.Boolean(), nullable=True),
        sa.Column("may_be_null", sa.Boolean(), nullable=True),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "column_no", name=op.f("pk_mart_columns")),
    )
    _replace_views(EMOTION_RECORDS_TYPES, RULE_PRECISION_TYPES)


def downgrade() -> None:
    _replace_views("", "")
    op.drop_table("mart_columns")
    op.drop_table("fact_topic_hit")
    op.drop_table("fact_segment")
    op.drop_table("fact_script_check")
    op.drop_table("fact_repeat_contact")
    op.drop_table("fact_call_quarter")
    op.drop_table("fact_call_channel")
    op.drop_table("fact_call")
    op.drop_table("fact_alert")
    op.drop_table("dim_topic")
    op.drop_table("dim_script_item")
    op.drop_table("dim_rule")
    op.drop_table("dim_queue")
    op.drop_table("dim_model_set")
    op.drop_table("dim_date")
    op.drop_table("dim_agent")
    op.drop_table("call_keys")


def _replace_views(records_types: str, precision_types: str) -> None:
    op.execute("DROP VIEW emotion_records")
    op.execute(f"CREATE VIEW emotion_records AS {records_types}{EMOTION_RECORDS}")
    op.execute("DROP VIEW rule_precision")
    op.execute(
        f"CREATE VIEW rule_precision AS {RULE_PRECISION_PARTS}{precision_types}{RULE_PRECISION}"
    )
