"""Kinds of segments, notes of stages"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("segments") as segments:
        segments.add_column(
            sa.Column("kind", sa.String(length=10), nullable=False, server_default="speech")
        )
    with op.batch_alter_table("segments") as segments:
        segments.alter_column("kind", server_default=None)
        segments.create_check_constraint(
            op.f("ck_segments_kind"), "kind IN ('speech', 'music', 'tone', 'crosstalk')"
        )

    # Not in a batch, which on SQLite replaces the table: other tables refer to it.
    op.add_column("recordings", sa.Column("codec", sa.String(length=16), nullable=True))
    op.add_column("recordings", sa.Column("codec_rate_hz", sa.Integer(), nullable=True))

    op.create_table(
        "stage_notes",
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("note_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("note", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("start_s", sa.Double(), nullable=True),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_stage_notes_recording_id"),
        ),
        sa.PrimaryKeyConstraint("recording_id", "stage", "note_no", name=op.f("pk_stage_notes")),
    )
    op.create_index(op.f("ix_stage_notes_day"), "stage_notes", ["day"], unique=False)

    with op.batch_alter_table("intake") as intake:
        intake.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        intake.add_column(
            sa.Column("is_recorded", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("intake") as intake:
        intake.alter_column("attempts", server_default=None)
        intake.alter_column("is_recorded", server_default=None)

    op.create_table(
        "home",
        sa.Column("home_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("home_id", name=op.f("pk_home")),
    )


def downgrade() -> None:
    op.drop_table("home")
    op.drop_column("intake", "is_recorded")
    op.drop_column("intake", "attempts")
    op.drop_table("stage_notes")
    op.drop_column("recordings", "codec_rate_hz")
    op.drop_column("recordings", "codec")
    with op.batch_alter_table("segments") as segments:
        segments.drop_constraint(op.f("ck_segments_kind"), type_="check")
        segments.drop_column("kind")
