"""Topics, keywords and spikes"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "keyword_daily",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("term", sa.String(length=80), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_all", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "date_key", "queue_key", "role", "term", name=op.f("pk_keyword_daily")
        ),
    )
    op.create_table(
        "terms_contrast",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("term", sa.String(length=80), nullable=False),
        sa.Column("unhappy_with", sa.Integer(), nullable=False),
        sa.Column("unhappy_calls", sa.Integer(), nullable=False),
        sa.Column("other_with", sa.Integer(), nullable=False),
        sa.Column("other_calls", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("odds_ratio", sa.Double(), nullable=False),
        sa.Column("z", sa.Double(), nullable=False),
        sa.Column("q_value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "date_key", "queue_key", "role", "term", name=op.f("pk_terms_contrast")
        ),
    )
    op.create_table(
        "terms_contrast_examples",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("term", sa.String(length=80), nullable=False),
        sa.Column("example_no", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "date_key",
            "queue_key",
            "role",
            "term",
            "example_no",
            name=op.f("pk_terms_contrast_examples"),
        ),
    )
    op.create_table(
        "topic_daily",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_all", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("recogniser", sa.String(length=64), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("date_key", "queue_key", "topic", name=op.f("pk_topic_daily")),
    )
    op.create_table(
        "topic_spikes",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_all", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("ratio", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("q_value", sa.Double(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('usual', 'spike', 'new', 'too_young')", name=op.f("ck_topic_spikes_state")
        ),
        sa.PrimaryKeyConstraint("date_key", "topic", "state", name=op.f("pk_topic_spikes")),
    )
    op.create_table(
        "call_terms",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("terms", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_call_terms_recording_id")
        ),
        sa.PrimaryKeyConstraint("recording_id", "channel", name=op.f("pk_call_terms")),
    )
    op.create_index(op.f("ix_call_terms_day"), "call_terms", ["day"], unique=False)
    op.create_table(
        "topic_hits",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("segment_no", sa.Integer(), nullable=False),
        sa.Column("hit_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_topic_hits_recording_id")
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "segment_no", "hit_no", name=op.f("pk_topic_hits")
        ),
    )
    op.create_index(op.f("ix_topic_hits_day_topic"), "topic_hits", ["day", "topic"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_topic_hits_day_topic"), table_name="topic_hits")
    op.drop_table("topic_hits")
    op.drop_index(op.f("ix_call_terms_day"), table_name="call_terms")
    op.drop_table("call_terms")
    op.drop_table("topic_spikes")
    op.drop_table("topic_daily")
    op.drop_table("terms_contrast_examples")
    op.drop_table("terms_contrast")
    op.drop_table("keyword_daily")
