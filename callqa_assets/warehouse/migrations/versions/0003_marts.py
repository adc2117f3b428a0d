"""Marts: days that changed, published days"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "changed_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_changed_days")),
    )
    # What is stored already has not been published.
    op.execute(
        "INSERT INTO changed_days (day, changes, changed_at) "
        "SELECT day, 1, MAX(ingested_at) FROM recordings WHERE status = 'ok' GROUP BY day"
    )
    op.create_table(
        "mart_days",
        sa.Column("mart", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("input_version", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("mart", "day", name=op.f("pk_mart_days")),
    )
    op.create_table(
        "published_days",
        sa.Column("date_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_incomplete", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inputs_hash", sa.String(length=64), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("withheld_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("date_key", name=op.f("pk_published_days")),
        sa.UniqueConstraint("day", name=op.f("uq_published_days_day")),
    )


def downgrade() -> None:
    op.drop_table("published_days")
    op.drop_table("mart_days")
    op.drop_table("changed_days")
