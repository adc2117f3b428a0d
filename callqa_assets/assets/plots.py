"""Plots of a day for Dagster's metadata.

Data frames in, PNG bytes out; nothing here reads tables.
"""

# pyright: reportUnknownMemberType=false
# (matplotlib's keyword arguments are untyped)

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import dagster as dg
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from callqa_assets.domain.alerts.priorities import PRIORITIES
from callqa_assets.domain.emotion.colours import EMOTION_COLOURS

PRIORITY_COLOURS = dict(zip(PRIORITIES, ("#D55E00", "#E69F00", "#56B4E9"), strict=True))
"""From the palette of `EMOTION_COLOURS`, in stacking order."""

SCRIPT_COLOURS = {
    "passed": "#009E73",
    "missed": "#E69F00",
    "forbidden": "#D55E00",
    "unsure": "#AAAAAA",
}
"""From the same palette, in stacking order; what is not applicable is not drawn."""

_MOST_ITEMS = 16
"""More would not be readable."""

TALK_COLOURS = {
    "agent": "#0072B2",
    "customer": "#E69F00",
    "others": "#5B3A00",
    "hold": "#AAAAAA",
    "silence": "#DDDDDD",
}
"""From the same palette, in stacking order."""

INK = "#333333"
"""Colour of text."""


def emotion_day_plot(spans: pl.DataFrame, day: date) -> bytes:
    """Speech by hour of the day and emotion, stacked bars; a PNG of 700 x 300 pixels.

    Args:
        spans: columns `hour` (0–23, local time in which the call started), `emotion`, and
            `seconds` of speech; any number of rows per hour and emotion.
        day: for the title.
    """
    title = f"Emotions of {day.isoformat()}"
    return to_png(_draw_hours(spans, title, "speech", EMOTION_COLOURS))


def talk_day_plot(parts: pl.DataFrame, day: date) -> bytes:
    """Conversations by hour of the day: who speaks, and silence; a PNG of 700 x 300 pixels.

    Args:
        parts: columns `hour` (0–23, local time in which the call started), `part` (a key of
            TALK_COLOURS) and `seconds`; any number of rows per hour and part.
        day: for the title.
    """
    title = f"Talk and silence of {day.isoformat()}"
    return to_png(_draw_hours(parts, title, "conversation", TALK_COLOURS))


def alert_volume_plot(alerts: pl.DataFrame, days: Sequence[date]) -> bytes:
    """Alerts per day by priority, stacked bars; a PNG of 700 x 300 pixels.

    Args:
        alerts: columns `day` ('YYYY-MM-DD'), `priority` and `alerts`, how many; days without any
            need no rows.
        days: one bar each, in this order; the title names the last.
    """
    return to_png(_draw_volume(alerts, days))


def script_outcomes_plot(outcomes: pl.DataFrame, day: date) -> bytes:
    """Outcomes of the items of scripts, stacked horizontal bars; a PNG 700 pixels wide.

    Args:
        outcomes: columns `script`, `item`, `outcome` and `calls`, how many. Of many items, those
            that were missed or breached most often.
        day: for the title.
    """
    return to_png(_draw_scripts(outcomes, day))


def embed_png(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """The image as Markdown, for Dagster's pages; `title` is its alternative text."""
    return dg.MetadataValue.md(
        f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )


def _draw_hours(parts: pl.DataFrame, title: str, what: str, colours: Mapping[str, str]) -> Figure:
    """Stacked bars by hour of columns (hour, kind, seconds); `colours` has the kinds."""
    figure, axes = blank_figure()

    total_s = float(parts["seconds"].sum())
    in_hours = total_s >= 10 * 3600
    unit, unit_s = ("hours", 3600.0) if in_hours else ("minutes", 60.0)
    write_title(axes, f"{title} · {total_s / unit_s:,.1f} {unit} of {what}")

    hour, kind, _ = parts.columns
    by_hour = parts.group_by(hour, kind).agg(pl.col("seconds").sum())
    height = {(at, name): seconds for at, name, seconds in by_hour.iter_rows()}
    bottom = [0.0] * 24
    for name, colour in colours.items():
        heights = [height.get((at, name), 0.0) / unit_s for at in range(24)]
        if not any(heights):
            continue
        axes.bar(
            range(24),
            heights,
            bottom=bottom,
            width=0.8,
            align="edge",
            color=colour,
            edgecolor="white",
            linewidth=0.4,
            label=name,
        )
        bottom = [below + above for below, above in zip(bottom, heights, strict=True)]

    axes.set_xlim(-0.2, 24)
    axes.set_xticks(range(0, 25, 3), [f"{at:02d}:00" for at in range(0, 25, 3)])
    axes.set_ylabel(f"{unit} of {what}", fontsize=9, color=INK)
    finish(figure, axes, highest=max(bottom), empty=f"no {what}")
    return figure


def _draw_volume(alerts: pl.DataFrame, days: Sequence[date]) -> Figure:
    figure, axes = blank_figure()
    height = {(day, priority): count for day, priority, count in alerts.iter_rows()}
    bottom = [0.0] * len(days)
    for priority, colour in PRIORITY_COLOURS.items():
        heights = [float(height.get((day.isoformat(), priority), 0)) for day in days]
        if not any(heights):
            continue
        axes.bar(range(len(days)), heights, bottom=bottom, width=0.8, color=colour, label=priority)
        bottom = [below + above for below, above in zip(bottom, heights, strict=True)]
    write_title(axes, f"Alerts to {days[-1].isoformat()} · {bottom[-1]:,.0f} on that day")
    axes.set_xlim(-0.6, len(days) - 0.4)
    axes.set_xticks(range(len(days)), [f"{day:%m-%d}" for day in days])
    axes.set_ylabel("alerts", fontsize=9, color=INK)
    finish(figure, axes, highest=max(bottom), empty="no alerts", whole_numbers=True)
    return figure


def _draw_scripts(outcomes: pl.DataFrame, day: date) -> Figure:
    count = {(s, i, o): calls for s, i, o, calls in outcomes.iter_rows() if o in SCRIPT_COLOURS}
    items = list(dict.fromkeys((script, item) for script, item, _ in count))
    shown = sorted(items, key=lambda item: -_breaches(count, item))[:_MOST_ITEMS]
    items = [item for item in items if item in shown]
    figure, axes = blank_figure(height=max(3.0, 1.2 + 0.28 * len(items)))
    left = [0.0] * len(items)
    for outcome, colour in SCRIPT_COLOURS.items():
        widths = [float(count.get((*item, outcome), 0)) for item in items]
        if not any(widths):
            continue
        axes.barh(range(len(items)), widths, left=left, height=0.7, color=colour, label=outcome)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    broken = sum(_breaches(count, item) for item in items)
    write_title(axes, f"Scripts of {day.isoformat()} · {broken:,} missed or forbidden")
    axes.set_yticks(range(len(items)), [f"{script}: {item}" for script, item in items])
    axes.set_xlabel("calls", fontsize=9, color=INK)
    axes.invert_yaxis()
    finish(
        figure, axes, highest=max(left, default=0.0), empty="no scripts", whole_numbers=True,
        along="x",
    )  # fmt: skip
    return figure


def _breaches(count: Mapping[tuple[str, str, str], int], item: tuple[str, str]) -> int:
    return count.get((*item, "missed"), 0) + count.get((*item, "forbidden"), 0)


def blank_figure(height: float = 3.0) -> tuple[Figure, Axes]:
    """An empty plot of 700 x 300 pixels."""
    figure = Figure(figsize=(7, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def write_title(axes: Axes, text: str) -> None:
    """The plot's title, above its left edge."""
    axes.set_title(text, loc="left", fontsize=10, color=INK)


def finish(
    figure: Figure,
    axes: Axes,
    *,
    highest: float,
    empty: str,
    whole_numbers: bool = False,
    along: Literal["x", "y"] = "y",
) -> None:
    """Scale, grid and legend of bars along an axis; where there is nothing to show, the text
    `empty`.
    """
    axes.locator_params(axis=along, nbins=5, integer=whole_numbers)
    axes.tick_params(labelsize=8, colors=INK, length=0)
    axes.grid(axis=along, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if highest:
        axes.set(**{f"{along}lim": (0, highest * 1.05)})
        if axes.get_legend_handles_labels()[0]:
            figure.legend(
                loc="outside right center", reverse=True, fontsize=8, frameon=False, labelcolor=INK
            )
    else:
        axes.set(xticks=[] if along == "x" else axes.get_xticks(), yticks=[])
        axes.text(
            0.5, 0.5, empty, transform=axes.transAxes, ha="center", va="center", fontsize=11,
            color=INK,
        )  # fmt: skip


def to_png(figure: Figure) -> bytes:
    """The figure as PNG bytes."""
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
