"""What production models say beside the text, who was told of an alert, and what people decided"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _transcripts()
    _alerts()
    _deliveries()
    _reviews()
    _stage_models()


def _transcripts() -> None:
    """How raw and normalised text correspond, and hotwords that the sound does not support."""
    for name in ("alignment", "doubtful_hotwords"):
        op.add_column("transcripts", sa.Column(name, Json, nullable=False, server_default="[]"))
    op.add_column("transcripts", sa.Column("text_without_hotwords", sa.Text(), nullable=True))


def _alerts() -> None:
    """Inhibition."""
    op.add_column("alerts", sa.Column("inhibited_by", sa.Text(), nullable=True))


def _deliveries() -> None:
    """The outbox, and what is known of each channel."""
    moment = sa.DateTime(timezone=True)
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
        sa.Column("next_attempt_at", moment, nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("waiting_since", moment, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("delivered_at", moment, nullable=True),
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
    for columns in (
        ["recording_id"],
        ["day"],
        ["message_id"],
        ["status", "receiver", "next_attempt_at"],
    ):
        name = op.f(f"ix_alert_deliveries_{'_'.join(columns)}")
        op.create_index(name, "alert_deliveries", columns, unique=False)
    op.create_table(
        "receiver_states",
        sa.Column("receiver", sa.String(length=80), nullable=False),
        sa.Column("sent", Json, nullable=False),
        sa.Column("paused_until", moment, nullable=True),
        sa.Column("disabled_at", moment, nullable=True),
        sa.Column("disabled_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_channel_states")),
    )


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


def _reviews() -> None:
    """Decisions of people, and how right each rule is by them."""
    op.create_table(
        "alert_reviews",
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
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
    op.execute(RULE_PRECISION)


STAGE_MODELS = """
CREATE VIEW stage_models AS
SELECT s.recording_id, s.day, s.stage, s.status, f.model_id, f.weights_sha256, f.code_version,
       s.fingerprint, s.run_id, s.finished_at
FROM stage_runs s JOIN fingerprints f ON f.fingerprint = s.fingerprint
"""


def _stage_models() -> None:
    """Which model wrote what is stored of a recording."""
    op.execute(STAGE_MODELS)


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
