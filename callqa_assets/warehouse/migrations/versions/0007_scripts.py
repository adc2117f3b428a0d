"""Script compliance"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "script_checks",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("script", sa.String(length=80), nullable=False),
        sa.Column("item", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("matched_text", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(length=32), nullable=True),
        sa.Column("start_s", sa.Double(), nullable=True),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.Column("window_start_s", sa.Double(), nullable=True),
        sa.Column("window_end_s", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('passed', 'missed', 'unsure', 'forbidden', 'not_applicable')",
            name=op.f("ck_script_checks_outcome"),
        ),
        sa.CheckConstraint(
            "reason IN ('not_said', 'out_of_place', 'doubtful_text', 'role_unknown', 'negation', "
            "'not_mentioned', 'nobody_spoke')",
            name=op.f("ck_script_checks_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_script_checks_recording_id"),
        ),
        sa.PrimaryKeyConstraint("recording_id", "script", "item", name=op.f("pk_script_checks")),
    )
    op.create_index(op.f("ix_script_checks_day"), "script_checks", ["day"], unique=False)


def downgrade() -> None:
    op.drop_table("script_checks")
