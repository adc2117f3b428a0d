"""Pictures of emotions for Dagster's metadata, and one call's timeline for a terminal.

Data frames in, PNG bytes or text out; nothing here reads tables or knows Dagster.
"""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the type of its keyword arguments open)

from __future__ import annotations

import io
from datetime import date

import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's set, with darker colours for the emotions that it leaves too close together;
# told apart by colour-blind eyes as well (tests/domain/test_plots.py). An emotion's colour never
# changes. In the order of the stack: what hurts stands at the base line, where hours compare.
EMOTION_COLOURS = {
    "angry": "#D55E00",
    "disgusted": "#5B3A00",
    "fearful": "#9E2B7E",
    "sad": "#0072B2",
    "surprised": "#56B4E9",
    "happy": "#F0E442",
    "other": "#4D4D4D",
    "unknown": "#AAAAAA",
    "neutral": "#DDDDDD",
}

_INK = "#333333"


def emotion_day_plot(spans: pl.DataFrame, day: date) -> bytes:
    """Speech by hour of the day and emotion, stacked bars; a PNG of 700 x 300 pixels.

    Args:
        spans: columns `hour` (0–23, local time in which the call started), `emotion`, and
            `seconds` of speech; any number of rows an hour and emotion, none for an empty day.
        day: for the title.
    """
    figure = _draw_day(spans, day)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def emotion_timeline_text(spans: pl.DataFrame) -> str:
    """A channel's timeline: `[0.0–1.2 s] neutral 0.90 → [1.3–2.5 s] fearful 0.72`.

    `spans` has the columns `start_s`, `end_s`, `emotion`, `confidence`, in any order of rows;
    no rows give an empty text.
    """
    return " → ".join(
        f"[{start_s:.1f}–{end_s:.1f} s] {emotion} {confidence:.2f}"
        for start_s, end_s, emotion, confidence in spans.sort("start_s")
        .select("start_s", "end_s", "emotion", "confidence")
        .iter_rows()
    )


def _draw_day(spans: pl.DataFrame, day: date) -> Figure:
    figure = Figure(figsize=(7, 3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()

    speech_s = float(spans["seconds"].sum())
    in_hours = speech_s >= 10 * 3600
    unit, unit_s = ("hours", 3600.0) if in_hours else ("minutes", 60.0)
    axes.set_title(
        f"Emotions of {day.isoformat()} · {speech_s / unit_s:,.1f} {unit} of speech",
        loc="left",
        fontsize=10,
        color=_INK,
    )

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
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(labelsize=8, colors=_INK, length=0)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if speech_s:
        axes.set_ylim(0, max(bottom) * 1.05)
        figure.legend(
            loc="outside right center", reverse=True, fontsize=8, frameon=False, labelcolor=_INK
        )
    else:
        axes.set_yticks([])
        axes.text(12, 0.5, "no speech", ha="center", va="center", fontsize=11, color=_INK)
        axes.set_ylim(0, 1)
    return figure
