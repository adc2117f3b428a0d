"""Plots of the marts. Data frames in, PNG bytes out; nothing reads tables."""

# pyright: reportUnknownMemberType=false
# (matplotlib's keyword arguments are untyped)

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

import polars as pl
from matplotlib import font_manager
from matplotlib.figure import Figure

from callqa_assets.assets.plots import INK, blank_figure, finish, to_png, write_title

FINDING_COLOURS = {"worse": "#D55E00", "better": "#0072B2", None: "#AAAAAA"}
QUEUE_COLOURS = {
    "unhappy_share": "#D55E00",
    "silence_share": "#56B4E9",
    "script_miss_share": "#F0E442",
}
_MAX_QUEUES = 12
_CHINESE_FONTS = (
    *("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Microsoft YaHei", "SimHei", "Noto Serif CJK SC"),
)
"""The first that is installed writes names of queues and agents; without one they are boxes."""


def agents_plot(agents: pl.DataFrame, measure: str, day: date) -> bytes:
    """Agents' likely rates against what is expected of them; a PNG of 700 x 300 pixels.

    One line per agent, by what is expected, not by how they do: this is no ranking. Only agents
    with a finding are named.

    Args:
        agents: columns `agent_id`, `expected`, `shrunk`, `lo`, `hi` (shares, NULL: not compared)
            and `finding`.
        measure, day: for the title.
    """
    return to_png(_draw_agents(agents, measure, day))


def queues_plot(queues: pl.DataFrame, day: date) -> bytes:
    """Shares of the day by queue, grouped bars; a PNG of 700 x 300 pixels.

    Args:
        queues: columns `queue`, `calls`, `unhappy_share`, `silence_share`, `script_miss_share`;
            the queues with most calls are shown.
        day: for the title.
    """
    return to_png(_draw_queues(queues, day))


def rows_plot(rows: Mapping[date, int], mart: str) -> bytes:
    """Rows of a mart by day, bars; a PNG of 700 x 300 pixels. The title names the last day."""
    figure, axes = blank_figure()
    *_, last = rows
    write_title(axes, f"{mart} to {last.isoformat()} · {rows[last]:,} rows on that day")
    axes.bar(range(len(rows)), list(rows.values()), width=0.8, color="#0072B2")
    axes.set_xticks(range(len(rows)), [f"{day:%m-%d}" for day in rows])
    axes.set_ylabel("rows", fontsize=9, color=INK)
    finish(figure, axes, highest=max(rows.values()), empty="no rows", whole_numbers=True)
    return to_png(figure)


def _draw_agents(agents: pl.DataFrame, measure: str, day: date) -> Figure:
    figure, axes = blank_figure()
    shown = agents.drop_nulls("shrunk").sort("expected", "agent_id")
    write_title(axes, f"{measure}, 28 days to {day.isoformat()} · {len(shown)} agents")
    for finding, colour in FINDING_COLOURS.items():
        own = shown.with_row_index("at").filter(pl.col("finding").eq_missing(pl.lit(finding)))
        if own.is_empty():
            continue
        at, rate = own["at"].to_numpy(), 100 * own["shrunk"].to_numpy()
        below, above = rate - 100 * own["lo"].to_numpy(), 100 * own["hi"].to_numpy() - rate
        axes.errorbar(
            at, rate, yerr=[below, above], fmt="o", markersize=3, linewidth=0.8, color=colour,
            label=finding or "not to be told apart",
        )  # fmt: skip
        if finding:
            for x, y, name in zip(at, rate + above, own["agent_id"], strict=True):
                axes.annotate(
                    str(name), (x, y), ha="center", va="bottom", fontsize=7, color=INK,
                    family=_fonts(),
                )  # fmt: skip
    if not shown.is_empty():
        axes.step(
            range(len(shown)), 100 * shown["expected"].to_numpy(), where="mid", color=INK,
            linewidth=1, label="expected",
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_xlabel("agents, by what is expected of them", fontsize=9, color=INK)
    axes.set_ylabel("% of calls", fontsize=9, color=INK)
    highest = 0.0 if shown.is_empty() else 100 * float(shown.select(pl.col("hi").max()).item())
    finish(figure, axes, highest=1.05 * highest, empty="nobody to compare")
    return figure


def _draw_queues(queues: pl.DataFrame, day: date) -> Figure:
    figure, axes = blank_figure()
    calls = int(queues["calls"].sum())
    shown = queues.sort("calls", "queue", descending=[True, False]).head(_MAX_QUEUES)
    left_out = f", {_MAX_QUEUES} of {len(queues)} queues" if len(queues) > len(shown) else ""
    write_title(axes, f"Queues of {day.isoformat()} · {calls:,} calls{left_out}")
    highest, width = 0.0, 0.8 / len(QUEUE_COLOURS)
    for number, (name, colour) in enumerate(QUEUE_COLOURS.items()):
        heights = [100 * (share or 0.0) for share in shown[name]]
        highest = max(highest, *heights, 0.0)
        places = [at + (number - 1) * width for at in range(len(shown))]
        label = name.removesuffix("_share").replace("_", " ")
        axes.bar(places, heights, width=width, color=colour, label=label)
    axes.set_xticks(
        range(len(shown)), [_shorten(queue) for queue in shown["queue"]], family=_fonts()
    )
    axes.set_ylabel("%", fontsize=9, color=INK)
    finish(figure, axes, highest=highest, empty="no calls")
    return figure


def _shorten(queue: str | None) -> str:
    name = queue or "not known"
    return name if len(name) <= 12 else f"{name[:11]}…"


@cache
def _fonts() -> list[str]:
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *[name for name in _CHINESE_FONTS if name in installed][:1]]
