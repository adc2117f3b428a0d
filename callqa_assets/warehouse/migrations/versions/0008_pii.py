"""Personal data in transcripts"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "pii_spans",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("segment_no", sa.Integer(), nullable=False),
        sa.Column("span_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("start_char", sa.Integer(), nullable=False),
        sa.Column("end_char", sa.Integer(), nullable=False),
        sa.Column("raw_start_char", sa.Integer(), nullable=False),
        sa.Column("raw_end_char", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("checked", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.String(length=4), nullable=False),
        sa.Column("part", sa.String(length=6), nullable=False),
        sa.CheckConstraint(
            "end_char > start_char AND start_char >= 0", name=op.f("ck_pii_spans_order")
        ),
        sa.CheckConstraint(
            "kind IN ('identity_card', 'bank_card', 'mobile', 'landline', 'number', 'passport', "
            "'plate', 'email', 'code', 'address', 'name')",
            name=op.f("ck_pii_spans_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_pii_spans_recording_id")
        ),
        sa.PrimaryKeyConstraint(
            "recording_id", "channel", "segment_no", "span_no", name=op.f("pk_pii_spans")
        ),
    )
    op.create_index(op.f("ix_pii_spans_day"), "pii_spans", ["day"], unique=False)


def downgrade() -> None:
    op.drop_table("pii_spans")
