"""How urgent an alert is."""

from __future__ import annotations

from typing import Literal, get_args

Priority = Literal["high", "medium", "low"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""Most urgent first."""

PRIORITY_RANKS: dict[str, int] = {priority: rank for rank, priority in enumerate(PRIORITIES)}
"""Sort key: 0 is the most urgent."""
