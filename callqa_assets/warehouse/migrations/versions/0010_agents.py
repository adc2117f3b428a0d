"""Agents and queues by day, explanations of policies"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "agent_daily",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(length=16), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_events", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Double(), nullable=True),
        sa.Column("wilson_lo", sa.Double(), nullable=False),
        sa.Column("wilson_hi", sa.Double(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("shrunk", sa.Double(), nullable=True),
        sa.Column("lo", sa.Double(), nullable=True),
        sa.Column("hi", sa.Double(), nullable=True),
        sa.Column("p_worse_than_queue", sa.Double(), nullable=True),
        sa.Column("finding", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "agent_key", "queue_key", "measure", name=op.f("pk_agent_daily")
        ),
    )
    op.create_table(
        "agent_mix_daily",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(length=16), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_events", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Double(), nullable=True),
        sa.Column("wilson_lo", sa.Double(), nullable=False),
        sa.Column("wilson_hi", sa.Double(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("shrunk", sa.Double(), nullable=True),
        sa.Column("lo", sa.Double(), nullable=True),
        sa.Column("hi", sa.Double(), nullable=True),
        sa.Column("p_worse_than_expected", sa.Double(), nullable=True),
        sa.Column("finding", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "agent_key", "measure", name=op.f("pk_agent_mix_daily")
        ),
    )
    op.create_table(
        "policy_call_points",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("said", sa.Boolean(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=True),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "call_key", "topic", "point", name=op.f("pk_policy_call_points")
        ),
    )
    op.create_table(
        "policy_calls",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("agent_key", sa.Integer(), nullable=False),
        sa.Column("queue_key", sa.Integer(), nullable=False),
        sa.Column("topic_s", sa.Double(), nullable=False),
        sa.Column("explained_from_s", sa.Double(), nullable=True),
        sa.Column("explained_to_s", sa.Double(), nullable=True),
        sa.Column("agent_talk_s", sa.Double(), nullable=True),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("points_said", sa.Integer(), nullable=False),
        sa.Column("after_labelled_s", sa.Double(), nullable=False),
        sa.Column("after_negative_s", sa.Double(), nullable=False),
        sa.Column("negative_after", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("date_key", "call_key", "topic", name=op.f("pk_policy_calls")),
    )
    op.create_table(
        "policy_explanations",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("colleagues_calls", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("points_said", sa.Integer(), nullable=False),
        sa.Column("colleagues_points", sa.Integer(), nullable=False),
        sa.Column("colleagues_points_said", sa.Integer(), nullable=False),
        sa.Column("agent_talk_median_s", sa.Double(), nullable=True),
        sa.Column("colleagues_talk_median_s", sa.Double(), nullable=True),
        sa.Column("talk_ratio", sa.Double(), nullable=True),
        sa.Column("talk_ratio_lo", sa.Double(), nullable=True),
        sa.Column("talk_ratio_hi", sa.Double(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_events", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Double(), nullable=True),
        sa.Column("wilson_lo", sa.Double(), nullable=False),
        sa.Column("wilson_hi", sa.Double(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("shrunk", sa.Double(), nullable=True),
        sa.Column("lo", sa.Double(), nullable=True),
        sa.Column("hi", sa.Double(), nullable=True),
        sa.Column("p_worse_than_queue", sa.Double(), nullable=True),
        sa.Column("finding", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "topic", "queue_key", "agent_key", name=op.f("pk_policy_explanations")
        ),
    )
    op.create_table(
        "policy_points",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("n_events", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Double(), nullable=True),
        sa.Column("wilson_lo", sa.Double(), nullable=False),
        sa.Column("wilson_hi", sa.Double(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("shrunk", sa.Double(), nullable=True),
        sa.Column("lo", sa.Double(), nullable=True),
        sa.Column("hi", sa.Double(), nullable=True),
        sa.Column("p_worse_than_queue", sa.Double(), nullable=True),
        sa.Column("finding", sa.String(length=8), nullable=True),
        sa.Column("said_recording_id", sa.String(length=32), nullable=True),
        sa.Column("said_s", sa.Double(), nullable=True),
        sa.Column("omitted_recording_id", sa.String(length=32), nullable=True),
        sa.Column("omitted_topic_s", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "topic", "queue_key", "agent_key", "point", name=op.f("pk_policy_points")
        ),
    )
    op.create_table(
        "policy_words",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_with", sa.Integer(), nullable=False),
        sa.Column("colleagues_calls", sa.Integer(), nullable=False),
        sa.Column("colleagues_calls_with", sa.Integer(), nullable=False),
        sa.Column("odds_ratio", sa.Double(), nullable=False),
        sa.Column("z", sa.Double(), nullable=False),
        sa.Column("example_recording_id", sa.String(length=32), nullable=False),
        sa.Column("example_s", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "date_key", "topic", "queue_key", "agent_key", "term", name=op.f("pk_policy_words")
        ),
    )
    op.create_table(
        "queue_daily",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("conversation_s", sa.Double(), nullable=False),
        sa.Column("agent_talk_s", sa.Double(), nullable=False),
        sa.Column("customer_talk_s", sa.Double(), nullable=False),
        sa.Column("talk_balance", sa.Double(), nullable=True),
        sa.Column("silence_s", sa.Double(), nullable=False),
        sa.Column("silence_over_3s_s", sa.Double(), nullable=False),
        sa.Column("silence_share", sa.Double(), nullable=True),
        sa.Column("overlap_s", sa.Double(), nullable=False),
        sa.Column("overlap_conversation_s", sa.Double(), nullable=False),
        sa.Column("overlap_share", sa.Double(), nullable=True),
        sa.Column("calls_interruption_known", sa.Integer(), nullable=False),
        sa.Column("calls_interrupted", sa.Integer(), nullable=False),
        sa.Column("agent_interruptions", sa.Integer(), nullable=False),
        sa.Column("interrupted_share", sa.Double(), nullable=True),
        sa.Column("calls_with_response", sa.Integer(), nullable=False),
        sa.Column("response_delay_median_s", sa.Double(), nullable=True),
        sa.Column("calls_judged", sa.Integer(), nullable=False),
        sa.Column("calls_unhappy", sa.Integer(), nullable=False),
        sa.Column("unhappy_share", sa.Double(), nullable=True),
        sa.Column("unhappy_lo", sa.Double(), nullable=False),
        sa.Column("unhappy_hi", sa.Double(), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("alerts_high", sa.Integer(), nullable=False),
        sa.Column("calls_with_high_alert", sa.Integer(), nullable=False),
        sa.Column("high_alert_share", sa.Double(), nullable=False),
        sa.Column("script_applicable", sa.Integer(), nullable=False),
        sa.Column("script_missed", sa.Integer(), nullable=False),
        sa.Column("script_miss_share", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("date_key", "queue_key", name=op.f("pk_queue_daily")),
    )


def downgrade() -> None:
    op.drop_table("queue_daily")
    op.drop_table("policy_words")
    op.drop_table("policy_points")
    op.drop_table("policy_explanations")
    op.drop_table("policy_calls")
    op.drop_table("policy_call_points")
    op.drop_table("agent_mix_daily")
    op.drop_table("agent_daily")
