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


def _transcripts() -> None:
    """How raw and normalised text correspond, and hotwords that the sound does not support."""


def _alerts() -> None:
    """Inhibition."""


def _deliveries() -> None:
    """The outbox."""


def _reviews() -> None:
    """Decisions of people, and the views that analysts read."""


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
