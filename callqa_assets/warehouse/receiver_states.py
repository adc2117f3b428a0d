"""What is remembered of receivers between processes: rate, pauses, closed ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from callqa_assets.warehouse.tables import (
    channel_states,
)


@dataclass(frozen=True)
class ChannelState:
    """What is remembered of a channel between processes."""

    sent: dict[str, float] = field(default_factory=dict)
    resting_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None


def read_state(connection: sa.Connection, channel_name: str) -> ChannelState:
    row = connection.execute(
        sa.select(channel_states).where(channel_states.c.channel_name == channel_name)
    ).first()
    if row is None:
        return ChannelState()
    return ChannelState(row.sent, row.resting_until, row.disabled_at, row.disabled_because)


def write_state(connection: sa.Connection, channel_name: str, state: ChannelState) -> None:
    values = {
        "sent": state.sent,
        "resting_until": state.resting_until,
        "disabled_at": state.disabled_at,
        "disabled_because": state.disabled_because,
    }
    updated = connection.execute(
        sa.update(channel_states)
        .where(channel_states.c.channel_name == channel_name)
        .values(**values)
    )
    if updated.rowcount == 0:
        connection.execute(sa.insert(channel_states).values(channel_name=channel_name, **values))


def read_states(connection: sa.Connection) -> dict[str, ChannelState]:
    """Every channel that was ever used."""
    names = connection.execute(sa.select(channel_states.c.channel_name)).scalars().all()
    return {name: read_state(connection, name) for name in names}


def enable(connection: sa.Connection, channel_name: str) -> bool:
    """Let a channel that its receiver closed send again; False where it was not disabled."""
    state = read_state(connection, channel_name)
    if state.disabled_at is None:
        return False
    write_state(connection, channel_name, replace(state, disabled_at=None, disabled_because=None))
    return True
