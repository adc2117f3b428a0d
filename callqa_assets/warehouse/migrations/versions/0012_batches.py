"""Uploaded files, hotwords of a call"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Not in a batch, which on SQLite replaces the table: other tables refer to it.
    op.add_column("recordings", sa.Column("hotwords", sa.Text(), nullable=True))
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("itn_enabled", sa.Boolean(), nullable=False),
        sa.Column("hotwords", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_batches_idempotency_key")),
    )
    op.create_table(
        "batch_files",
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("file_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'done', 'failed')", name=op.f("ck_batch_files_status")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name=op.f("fk_batch_files_batch_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "file_no", name=op.f("pk_batch_files")),
    )
    op.create_index(
        op.f("ix_batch_files_recording_id"), "batch_files", ["recording_id"], unique=False
    )
    op.create_index(
        op.f("ix_batch_files_status_batch_id"), "batch_files", ["status", "batch_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("batch_files")
    op.drop_table("batches")
    op.drop_column("recordings", "hotwords")
