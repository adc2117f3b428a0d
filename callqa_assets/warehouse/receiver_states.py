"""What processes share about a receiver: messages counted by its rate limits, pauses, disabling."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import sqlalchemy as sa

from callqa_assets.warehouse.tables import receiver_states


@dataclass(frozen=True)
class ReceiverState:
    """What processes share about one receiver."""

    sent: dict[str, float] = field(default_factory=dict)
    """Messages counted by the rate limits, as in `domain.alerts.rate_limit`."""
    paused_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None


_COLUMNS = [receiver_states.c[field.name] for field in fields(ReceiverState)]


def lock_name(receiver: str) -> str:
    """For `Warehouse.write`: one process at a time decides about a receiver."""
    return f"deliveries:{receiver}"


def read_state(connection: sa.Connection, receiver: str) -> ReceiverState:
    query = sa.select(*_COLUMNS).where(receiver_states.c.receiver == receiver)
    row = connection.execute(query).mappings().first()
    return ReceiverState() if row is None else ReceiverState(**row)


def write_state(connection: sa.Connection, receiver: str, state: ReceiverState) -> None:
    values = vars(state)
    updated = connection.execute(
        sa.update(receiver_states).where(receiver_states.c.receiver == receiver).values(**values)
    )
    if updated.rowcount == 0:
        connection.execute(sa.insert(receiver_states).values(receiver=receiver, **values))


def read_states(connection: sa.Connection) -> dict[str, ReceiverState]:
    """The states of all receivers that were ever used."""
    names = connection.execute(sa.select(receiver_states.c.receiver)).scalars().all()
    return {name: read_state(connection, name) for name in names}


def enable(connection: sa.Connection, receiver: str) -> bool:
    """Enable a receiver that was disabled because it was gone; False where it was not disabled."""
    state = read_state(connection, receiver)
    if state.disabled_at is None:
        return False
    write_state(connection, receiver, replace(state, disabled_at=None, disabled_because=None))
    return True
