"""What a mart declares: its tables, how a day's rows are computed, and which days it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.alerts.spike_notice import SpikeNotice
from callqa_assets.domain.days import Calendar

MartRows = Mapping[sa.Table, Iterable[Mapping[str, Any] | sa.Select[Any]]]
"""A day's rows by table, each with its `date_key`; or queries that find such rows, under the names
of the table's columns: the database then fills the table itself."""


@dataclass(frozen=True)
class MartContext:
    """What a mart's day is computed from."""

    connection: sa.Connection
    """The transaction in which the day is published; a mart only reads in it."""
    calendar: Calendar
    configs: Path
    """Folder of the configuration files."""
    today: str
    """Local day: what reads days after its own is complete when they are over."""
    customer_key: bytes | None = field(default=None, repr=False)
    """Key under which customers' numbers are hashed; None: they are not, see `Settings`."""


def _no_params(context: MartContext) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Mart:
    """One mart. Its tables have a column `date_key`; a day's rows are replaced as a whole."""

    name: str
    """Name of the Dagster asset, and in `mart_days`."""
    description: str
    tables: tuple[sa.Table, ...]
    """Tables that it fills; Dagster shows the columns of the first."""
    code_version: str
    """Raised when what it computes changes: everything stored becomes out of date."""
    compute: Callable[[MartContext, str], MartRows]
    """(context, day) to the rows of the day."""
    days_before: int = 0
    """Days before its own that it reads."""
    days_after: int = 0
    """Days after its own that it reads: it is computed again when the last of them is over."""
    reads: tuple[str, ...] = ()
    """Marts whose rows of all these days it reads; they come before it in the registry."""
    find_notices: (
        Callable[[MartContext, str], Iterable[tuple[SpikeNotice, Sequence[str]]]] | None
    ) = None
    """(context, day) to what the day's stored rows give reason to tell, and to which receivers."""
    params: Callable[[MartContext], Mapping[str, Any]] = _no_params
    """Configuration that decides the result, JSON-serialisable."""
