"""Plots of a day for Dagster's metadata.

Data frames in, PNG bytes out; nothing here reads tables.
"""

# pyright: reportUnknownMemberType=false
# (matplotlib's keyword arguments are untyped)

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from callqa_assets.domain.alerts.priorities import PRIORITIES
from callqa_assets.domain.emotion.colours import EMOTION_COLOURS

PRIORITY_COLOURS = dict(zip(PRIORITIES, ("#D55E00", "#E69F00", "#56B4E9"), strict=True))
"""From the palette of `EMOTION_COLOURS`, in stacking order."""

_INK = "#333333"


def emotion_day_plot(spans: pl.DataFrame, day: date) -> bytes:
    """Speech by hour of the day and emotion, stacked bars; a PNG of 700 x 300 pixels.

    Args:
        spans: columns `hour` (0–23, local time in which the call started), `emotion`, and
            `seconds` of speech; any number of rows per hour and emotion.
        day: for the title.
    """
    return _to_png(_draw_day(spans, day))


def alert_volume_plot(alerts: pl.DataFrame, days: Sequence[date]) -> bytes:
    """Alerts per day by priority, stacked bars; a PNG of 700 x 300 pixels.

    Args:
        alerts: columns `day` ('YYYY-MM-DD'), `priority` and `alerts`, how many; days without any
            need no rows.
        days: one bar each, in this order; the title names the last.
    """
    return _to_png(_draw_volume(alerts, days))


def embed_png(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """The image as Markdown, for Dagster's pages; `title` is its alternative text."""
    return dg.MetadataValue.md(
        f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )


def _draw_day(spans: pl.DataFrame, day: date) -> Figure:
    figure, axes = _blank()

    speech_s = float(spans["seconds"].sum())
    in_hours = speech_s >= 10 * 3600
    unit, unit_s = ("hours", 3600.0) if in_hours else ("minutes", 60.0)
    _write_title(axes, f"Emotions of {day.isoformat()} · {speech_s / unit_s:,.1f} {unit} of speech")

    by_hour = spans.group_by("hour", "emotion").agg(pl.col("seconds").sum())
    height = {(hour, emotion): seconds for hour, emotion, seconds in by_hour.iter_rows()}
    bottom = [0.0] * 24
    for emotion, colour in EMOTION_COLOURS.items():
        heights = [height.get((hour, emotion), 0.0) / unit_s for hour in range(24)]
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
            label=emotion,
        )
        bottom = [below + above for below, above in zip(bottom, heights, strict=True)]

    axes.set_xlim(-0.2, 24)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    axes.set_ylabel(f"{unit} of speech", fontsize=9, color=_INK)
    _finish(figure, axes, highest=max(bottom), empty="no speech")
    return figure


def _draw_volume(alerts: pl.DataFrame, days: Sequence[date]) -> Figure:
    figure, axes = _blank()
    height = {(day, priority): count for day, priority, count in alerts.iter_rows()}
    bottom = [0.0] * len(days)
    for priority, colour in PRIORITY_COLOURS.items():
        heights = [float(height.get((day.isoformat(), priority), 0)) for day in days]
        if not any(heights):
            continue
        axes.bar(range(len(days)), heights, bottom=bottom, width=0.8, color=colour, label=priority)
        bottom = [below + above for below, above in zip(bottom, heights, strict=True)]
    _write_title(axes, f"Alerts to {days[-1].isoformat()} · {bottom[-1]:,.0f} on that day")
    axes.set_xlim(-0.6, len(days) - 0.4)
    axes.set_xticks(range(len(days)), [f"{day:%m-%d}" for day in days])
    axes.set_ylabel("alerts", fontsize=9, color=_INK)
    _finish(figure, axes, highest=max(bottom), empty="no alerts", whole_numbers=True)
    return figure


def _blank() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _write_title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10, color=_INK)


def _finish(
    figure: Figure, axes: Axes, *, highest: float, empty: str, whole_numbers: bool = False
) -> None:
    """Scale, grid and legend; where there is nothing to show, the text `empty`."""
    axes.locator_params(axis="y", nbins=5, integer=whole_numbers)
    axes.tick_params(labelsize=8, colors=_INK, length=0)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if highest:
        axes.set_ylim(0, highest * 1.05)
        figure.legend(
            loc="outside right center", reverse=True, fontsize=8, frameon=False, labelcolor=_INK
        )
    else:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, empty, transform=axes.transAxes, ha="center", va="center", fontsize=11,
            color=_INK,
        )  # fmt: skip


def _to_png(figure: Figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
