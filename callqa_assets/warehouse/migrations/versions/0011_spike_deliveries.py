"""Deliveries that tell of spikes"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_SUBJECT = (
    "(alert_id IS NULL) <> (topic IS NULL) AND (spike_date_key IS NULL) = (topic IS NULL) "
    "AND (alert_id IS NULL) = (recording_id IS NULL)"
)


def upgrade() -> None:
    with op.batch_alter_table("alert_deliveries") as deliveries:
        deliveries.add_column(sa.Column("spike_date_key", sa.Integer(), nullable=True))
        deliveries.add_column(sa.Column("topic", sa.Text(), nullable=True))
        deliveries.drop_constraint(op.f("pk_alert_deliveries"), type_="primary")
        deliveries.drop_constraint(op.f("uq_alert_deliveries_delivery_id"), type_="unique")
        deliveries.alter_column("alert_id", existing_type=sa.String(length=32), nullable=True)
        deliveries.alter_column("recording_id", existing_type=sa.String(length=32), nullable=True)
        deliveries.create_primary_key(op.f("pk_alert_deliveries"), ["delivery_id"])
        deliveries.create_unique_constraint(
            op.f("uq_alert_deliveries_alert_id_receiver"), ["alert_id", "receiver"]
        )
        deliveries.create_check_constraint(op.f("ck_alert_deliveries_subject"), _SUBJECT)
    op.create_index(
        op.f("ix_alert_deliveries_spike_date_key_topic"),
        "alert_deliveries",
        ["spike_date_key", "topic"],
        unique=False,
    )


def downgrade() -> None:
    op.execute("DELETE FROM alert_deliveries WHERE alert_id IS NULL")
    op.drop_index(op.f("ix_alert_deliveries_spike_date_key_topic"), table_name="alert_deliveries")
    with op.batch_alter_table("alert_deliveries") as deliveries:
        deliveries.drop_constraint(op.f("ck_alert_deliveries_subject"), type_="check")
        deliveries.drop_constraint(op.f("uq_alert_deliveries_alert_id_receiver"), type_="unique")
        deliveries.drop_constraint(op.f("pk_alert_deliveries"), type_="primary")
        deliveries.alter_column("recording_id", existing_type=sa.String(length=32), nullable=False)
        deliveries.alter_column("alert_id", existing_type=sa.String(length=32), nullable=False)
        deliveries.create_primary_key(op.f("pk_alert_deliveries"), ["alert_id", "receiver"])
        deliveries.create_unique_constraint(
            op.f("uq_alert_deliveries_delivery_id"), ["delivery_id"]
        )
        deliveries.drop_column("topic")
        deliveries.drop_column("spike_date_key")
