"""Column types, and columns that several tables share.

Facts of a recording are repeated on its rows, so that a day or a role is found without a join.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, also on SQLite, which stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: the warehouse stores UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Day(sa.types.TypeDecorator[str]):
    """A DATE in the database, the partition key 'YYYY-MM-DD' in Python."""

    impl = sa.Date
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> date | None:
        return None if value is None else date.fromisoformat(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else value.isoformat()


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NullableJson = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
Id = sa.String(32)
Hash = sa.String(64)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def recording_id_column(**options: Any) -> sa.Column[str]:
    return sa.Column(
        "recording_id",
        Id,
        sa.ForeignKey("recordings.recording_id"),
        comment="The recording, in `recordings`.",
        **options,
    )


def day_column(**options: Any) -> sa.Column[str]:
    return sa.Column(
        "day",
        Day,
        nullable=False,
        comment="Local day on which the call started, as in `recordings`, e.g. `2025-03-14`.",
        **options,
    )


def channel_column(**options: Any) -> sa.Column[int]:
    return sa.Column(
        "channel", sa.Integer, comment="Audio channel of the recording, from 0.", **options
    )


def segment_no_column() -> sa.Column[int]:
    return sa.Column(
        "segment_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the segment on its channel, from 0.",
    )


def role_column() -> sa.Column[str]:
    return sa.Column(
        "role",
        sa.String(32),
        nullable=False,
        comment="Who speaks on the channel: `agent`, `customer`, `mixed` (a mono recording, or one "
        "sound on both channels), "
        "`channel_0`, `channel_1` … (not known), or another word from the call's metadata.",
    )


def start_s_column(what: str) -> sa.Column[float]:
    return sa.Column(
        "start_s",
        sa.Double,
        nullable=False,
        comment=f"Start of the {what}, s from the start of the recording, e.g. `2.5`.",
    )


def end_s_column(what: str, end: str = "") -> sa.Column[float]:
    return sa.Column(
        "end_s",
        sa.Double,
        nullable=False,
        comment=f"End of the {what}, s from the start of the recording, e.g. `5.5`.{end}",
    )
