"""Metrics of conversations"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "call_metrics",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("time_basis", sa.String(length=32), nullable=False),
        sa.Column("conversation_start_s", sa.Double(), nullable=True),
        sa.Column("conversation_end_s", sa.Double(), nullable=True),
        sa.Column("conversation_s", sa.Double(), nullable=False),
        sa.Column("lead_silence_s", sa.Double(), nullable=True),
        sa.Column("tail_silence_s", sa.Double(), nullable=True),
        sa.Column("unheard_s", sa.Double(), nullable=False),
        sa.Column("silence_s", sa.Double(), nullable=True),
        sa.Column("music_s", sa.Double(), nullable=True),
        sa.Column("hold_s", sa.Double(), nullable=True),
        sa.Column("silence_over_3s_s", sa.Double(), nullable=True),
        sa.Column("silence_over_5s_s", sa.Double(), nullable=True),
        sa.Column("silences_over_3s", sa.Integer(), nullable=True),
        sa.Column("longest_silence_s", sa.Double(), nullable=True),
        sa.Column("overlap_s", sa.Double(), nullable=True),
        sa.Column("overlap_share", sa.Double(), nullable=True),
        sa.Column("talk_balance", sa.Double(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("response_delays", sa.Integer(), nullable=True),
        sa.Column("response_delay_median_s", sa.Double(), nullable=True),
        sa.Column("response_delay_p90_s", sa.Double(), nullable=True),
        sa.Column("final_emotion", sa.String(length=12), nullable=True),
        sa.Column("final_negative_share", sa.Double(), nullable=True),
        sa.Column("tone_text_conflicts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_call_metrics_recording_id"),
        ),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_call_metrics")),
    )
    op.create_index(op.f("ix_call_metrics_day"), "call_metrics", ["day"], unique=False)
    op.create_table(
        "call_channel_metrics",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("talk_s", sa.Double(), nullable=False),
        sa.Column("talk_share", sa.Double(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("chars", sa.Integer(), nullable=False),
        sa.Column("chars_per_min_median", sa.Double(), nullable=True),
        sa.Column("chars_per_min_p90", sa.Double(), nullable=True),
        sa.Column("overlaps_over_300ms", sa.Integer(), nullable=True),
        sa.Column("interruptions", sa.Integer(), nullable=True),
        sa.Column("interruptions_yielded", sa.Integer(), nullable=True),
        sa.Column("interruptions_per_10min", sa.Double(), nullable=True),
        sa.Column("backchannels", sa.Integer(), nullable=True),
        sa.Column("level_median_dbfs", sa.Double(), nullable=True),
        sa.Column("level_rise_db", sa.Double(), nullable=True),
        sa.Column("labelled_s", sa.Double(), nullable=False),
        sa.Column("negative_s", sa.Double(), nullable=False),
        sa.Column("negative_share", sa.Double(), nullable=True),
        sa.Column("trend", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_call_channel_metrics_recording_id"),
        ),
        sa.PrimaryKeyConstraint("recording_id", "channel", name=op.f("pk_call_channel_metrics")),
    )
    op.create_index(
        op.f("ix_call_channel_metrics_day"), "call_channel_metrics", ["day"], unique=False
    )
    op.create_table(
        "call_quarters",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("quarter", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("labelled_s", sa.Double(), nullable=False),
        sa.Column("negative_s", sa.Double(), nullable=False),
        sa.Column("negative_share", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_call_quarters_recording_id"),
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "quarter", name=op.f("pk_call_quarters")
        ),
    )
    op.create_index(op.f("ix_call_quarters_day"), "call_quarters", ["day"], unique=False)
    op.create_table(
        "tone_text_conflicts",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("conflict_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("phrase", sa.Text(), nullable=False),
        sa.Column("posterior", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_tone_text_conflicts_recording_id"),
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "conflict_no", name=op.f("pk_tone_text_conflicts")
        ),
    )
    op.create_index(
        op.f("ix_tone_text_conflicts_day"), "tone_text_conflicts", ["day"], unique=False
    )


def downgrade() -> None:
    op.drop_table("tone_text_conflicts")
    op.drop_table("call_quarters")
    op.drop_table("call_channel_metrics")
    op.drop_table("call_metrics")
