"""Counts of agents' calls become comparisons: rates, intervals, what was expected, a finding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from callqa_assets.domain.statistics.agents import compare, expected_events
from callqa_assets.domain.statistics.proportions import wilson_interval

WINDOW_DAYS = 28
"""Days over which agents are compared, the last one included: enough calls for a rate of a few
percent, and few enough for an agent who changes."""


def compare_agents(
    cells: pl.DataFrame, *, within: Sequence[str], strata: Sequence[str], than: str
) -> list[dict[str, Any]]:
    """A row for each agent and group of `within`, with the columns of a comparison.

    Args:
        cells: Columns `agent_key`, `n` calls, `events` in them, and those of `within` and `strata`.
        within: Agents with equal values are compared with each other, e.g. `queue_key`.
        strata: An event is expected as often as in all cells with equal values.
        than: Name of whom they are compared with: `p_worse_than_{than}`.
    """
    if cells.is_empty():
        return []
    stratum = cells.select(pl.struct(strata).rank("dense") - 1).to_series()
    expected = expected_events(stratum.to_numpy(), cells["events"], cells["n"])
    agents = (
        cells.with_columns(pl.Series("expected", expected))
        .group_by(*within, "agent_key")
        .agg(pl.col("n", "events", "expected").sum())
        .sort(*within, "agent_key")
    )
    return [
        row
        for group in agents.partition_by(*within, maintain_order=True)
        for row in _compare_group(group, within, than)
    ]


def _compare_group(group: pl.DataFrame, within: Sequence[str], than: str) -> list[dict[str, Any]]:
    n, events = group["n"].to_numpy(), group["events"].to_numpy()
    expected = (group["expected"] / group["n"]).fill_nan(None)
    found = compare(events, n, expected.fill_null(0.0).to_numpy())
    rows: list[dict[str, Any]] = []
    for i, (keys, finding) in enumerate(
        zip(group.select(*within, "agent_key").to_dicts(), found.findings(n), strict=True)
    ):
        lo, hi = wilson_interval(int(events[i]), int(n[i]))
        rows.append(
            {
                **keys,
                "n": int(n[i]),
                "n_events": int(events[i]),
                "raw": float(events[i] / n[i]) if n[i] else None,
                "wilson_lo": lo,
                "wilson_hi": hi,
                "expected": expected[i],
                "shrunk": _known(found.shrunk[i]),
                "lo": _known(found.lo[i]),
                "hi": _known(found.hi[i]),
                f"p_worse_than_{than}": _known(found.p_worse[i]),
                "finding": finding,
            }
        )
    return rows


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
