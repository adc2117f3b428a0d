"""The day's plot shows what is in the table, small and readable; the timeline reads as text."""

from __future__ import annotations

import struct
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from callqa_assets.assets.plots import (
    EMOTION_COLOURS,
    PRIORITY_COLOURS,
    alert_volume_plot,
    emotion_day_plot,
    script_outcomes_plot,
)
from callqa_assets.assets.plots import _draw_hours as draw_hours
from callqa_assets.assets.plots import _draw_scripts as draw_scripts
from callqa_assets.assets.plots import _draw_volume as draw_volume
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import emotion_timeline_text

DAY = date(2025, 3, 14)


def draw_day(spans, day):
    return draw_hours(spans, f"Emotions of {day.isoformat()}", "speech", EMOTION_COLOURS)


def day_of(*rows: tuple[int, str, float]) -> pl.DataFrame:
    schema = {"hour": pl.Int64, "emotion": pl.String, "seconds": pl.Float64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


FULL_DAY = day_of(*((hour, e, 100.0 + hour) for hour in range(24) for e in EMOTIONS))


@pytest.mark.parametrize(
    "spans", [day_of(), day_of((10, "neutral", 90.0)), FULL_DAY], ids=["empty", "one call", "full"]
)
def test_day_plot_is_a_small_png(spans: pl.DataFrame):
    png = emotion_day_plot(spans, DAY)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (700, 300)
    assert len(png) <= 60_000


def test_the_same_day_gives_the_same_bytes_in_any_order_of_rows():
    assert emotion_day_plot(FULL_DAY, DAY) == emotion_day_plot(FULL_DAY.reverse(), DAY)


def test_bars_show_the_seconds_of_the_table():
    spans = day_of((10, "angry", 30.0), (10, "angry", 30.0), (10, "neutral", 240.0))
    (axes,) = draw_day(spans, DAY).axes
    bars = {(b.get_x(), b.get_y(), b.get_height()) for b in axes.patches if b.get_height()}
    assert bars == {(10, 0, 1), (10, 1, 4)}  # minutes, neutral on top of angry
    assert axes.get_title(loc="left") == "Emotions of 2025-03-14 · 5.0 minutes of speech"


def test_a_busy_day_is_shown_in_hours():
    (axes,) = draw_day(day_of((9, "neutral", 36_000.0)), DAY).axes
    assert axes.get_ylabel() == "hours of speech"
    assert max(bar.get_height() for bar in axes.patches) == 10


def test_an_empty_day_says_so():
    (axes,) = draw_day(day_of(), DAY).axes
    assert [text.get_text() for text in axes.texts] == ["no speech"]


TWO_WEEKS = [date(2025, 3, day) for day in range(1, 16)]


def volume_of(*rows: tuple[str, str, int]) -> pl.DataFrame:
    schema = {"day": pl.String, "priority": pl.String, "alerts": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


@pytest.mark.parametrize("rows", [[], [("2025-03-15", "low", 3)]], ids=["none", "some"])
def test_volume_plot_is_a_small_png(rows):
    png = alert_volume_plot(volume_of(*rows), TWO_WEEKS)
    assert struct.unpack(">II", png[16:24]) == (700, 300)
    assert len(png) <= 60_000


def test_bars_of_the_volume_show_the_counts_of_their_days():
    volume = volume_of(
        ("2025-03-15", "low", 3), ("2025-03-02", "high", 5), ("2025-03-15", "high", 2)
    )
    (axes,) = draw_volume(volume, TWO_WEEKS).axes
    bars = {
        (round(b.get_x() + b.get_width() / 2), b.get_y(), b.get_height())
        for b in axes.patches
        if b.get_height()
    }
    assert bars == {(1, 0, 5), (14, 0, 2), (14, 2, 3)}  # low on top of high
    assert axes.get_title(loc="left") == "Alerts to 2025-03-15 · 5 on that day"
    assert [tick.get_text() for tick in axes.get_xticklabels()][-1] == "03-15"


def test_two_weeks_without_alerts_say_so():
    (axes,) = draw_volume(volume_of(), TWO_WEEKS).axes
    assert [text.get_text() for text in axes.texts] == ["no alerts"]


def outcomes_of(*rows: tuple[str, str, str, int]) -> pl.DataFrame:
    schema = {"script": pl.String, "item": pl.String, "outcome": pl.String, "calls": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


MANY_ITEMS = outcomes_of(
    *((f"script{s}", f"item{i}", "missed", s * 10 + i) for s in range(4) for i in range(10))
)


@pytest.mark.parametrize("outcomes", [outcomes_of(), MANY_ITEMS], ids=["none", "many"])
def test_scripts_plot_is_a_small_png(outcomes):
    png = script_outcomes_plot(outcomes, DAY)
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height <= 600) == (700, True)
    assert len(png) <= 60_000


def test_bars_of_scripts_show_the_outcomes_of_their_items():
    outcomes = outcomes_of(
        ("s", "a", "passed", 5), ("s", "a", "missed", 2), ("s", "b", "forbidden", 1),
        ("s", "b", "not_applicable", 9),
    )  # fmt: skip
    (axes,) = draw_scripts(outcomes, DAY).axes
    bars = {
        (round(b.get_y() + b.get_height() / 2), b.get_x(), b.get_width())
        for b in axes.patches
        if b.get_width()
    }
    assert bars == {(0, 0, 5), (0, 5, 2), (1, 0, 1)}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["s: a", "s: b"]
    assert axes.get_title(loc="left") == "Scripts of 2025-03-14 · 3 missed or forbidden"


def test_a_day_without_scripts_says_so():
    (axes,) = draw_scripts(outcomes_of(), DAY).axes
    assert [text.get_text() for text in axes.texts] == ["no scripts"]


def test_every_emotion_has_a_colour():
    assert set(EMOTION_COLOURS) == set(EMOTIONS)


# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
DEUTERANOPIA = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
PROTANOPIA = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]


def to_lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of an sRGB colour as somebody sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(sight @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    "sight", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["usual", "deuteranopia", "protanopia"]
)
def test_colours_can_be_distinguished(sight: list[list[float]]):
    for colours in (EMOTION_COLOURS, PRIORITY_COLOURS):
        seen = {name: to_lab(colour, np.array(sight)) for name, colour in colours.items()}
        for one, other in combinations(seen, 2):
            assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


def test_timeline_reads_as_in_the_mission():
    spans = pl.DataFrame(
        {
            "start_s": [2.6, 0.0, 1.3],
            "end_s": [4.0, 1.2, 2.5],
            "emotion": ["angry", "neutral", "fearful"],
            "confidence": [0.88, 0.9, 0.72],
        }
    )
    assert emotion_timeline_text(spans) == (
        "[0.0–1.2 s] neutral 0.90 → [1.3–2.5 s] fearful 0.72 → [2.6–4.0 s] angry 0.88"
    )
    assert emotion_timeline_text(spans.clear()) == ""
