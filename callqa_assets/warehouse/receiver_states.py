"""What is remembered of receivers between processes: rate, pauses, closed ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from callqa_assets.warehouse.tables import (
    receiver_states,
)


@dataclass(frozen=True)
class ReceiverState:
    """What is remembered of a channel between processes."""

    sent: dict[str, float] = field(default_factory=dict)
    paused_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None


def read_state(connection: sa.Connection, receiver: str) -> ReceiverState:
    row = connection.execute(
        sa.select(receiver_states).where(receiver_states.c.receiver == receiver)
    ).first()
    if row is None:
        return ReceiverState()
    return ReceiverState(row.sent, row.paused_until, row.disabled_at, row.disabled_because)


def write_state(connection: sa.Connection, receiver: str, state: ReceiverState) -> None:
    values = {
        "sent": state.sent,
        "paused_until": state.paused_until,
        "disabled_at": state.disabled_at,
        "disabled_because": state.disabled_because,
    }
    updated = connection.execute(
        sa.update(receiver_states).where(receiver_states.c.receiver == receiver).values(**values)
    )
    if updated.rowcount == 0:
        connection.execute(sa.insert(receiver_states).values(receiver=receiver, **values))


def read_states(connection: sa.Connection) -> dict[str, ReceiverState]:
    """Every channel that was ever used."""
    names = connection.execute(sa.select(receiver_states.c.receiver)).scalars().all()
    return {name: read_state(connection, name) for name in names}


def enable(connection: sa.Connection, receiver: str) -> bool:
    """Let a channel that its receiver closed send again; False where it was not disabled."""
    state = read_state(connection, receiver)
    if state.disabled_at is None:
        return False
    write_state(connection, receiver, replace(state, disabled_at=None, disabled_because=None))
    return True
