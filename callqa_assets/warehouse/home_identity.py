"""Which home this warehouse belongs to, and whether it knows of any archived file."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables import home, intake


def read_home_id(connection: sa.Connection) -> str | None:
    """The id of the home, as in its callqa.json; None where no home has used the warehouse yet."""
    return connection.execute(sa.select(home.c.home_id)).scalar_one_or_none()


def write_home_id(connection: sa.Connection, home_id: str) -> None:
    """Record the home of a warehouse that has none yet."""
    connection.execute(sa.insert(home).values(home_id=home_id))


def knows_archived_files(connection: sa.Connection) -> bool:
    """Whether any file was archived, or is being archived."""
    query = sa.select(intake.c.state).where(intake.c.recording_id.is_not(None)).limit(1)
    return connection.execute(query).first() is not None
