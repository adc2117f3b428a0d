"""The page of a daily report: one HTML file that loads nothing, and prints."""

from __future__ import annotations

from callqa_assets.domain.emotion.colours import EMOTION_COLOURS
from callqa_assets.marts.report.content import DailyReport, Kind
from callqa_assets.marts.report.words import WORDS
from resources.html_pages import open_templates


def render_page(report: DailyReport, language: str) -> str:
    """The report as HTML, in a language of `WORDS`."""
    words = WORDS[language]
    return (
        open_templates("callqa_assets.marts.report")
        .get_template("page.html.j2")
        .render(
            report=report,
            words=words,
            word=lambda name: words.get(name, name),
            colours=EMOTION_COLOURS,
            write_figure=_write_figure,
            write_clock=write_clock,
            lanes=lambda alert: sorted({(bar.channel, bar.role) for bar in alert.spoken}),
            ticks=_find_ticks,
        )
    )


def _write_figure(value: float | None, kind: Kind) -> str:
    if value is None:
        return "–"
    if kind == "share":
        return f"{value:.1%}"
    if kind == "seconds":
        return write_clock(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def write_clock(seconds: float) -> str:
    """Minutes and seconds, e.g. `4:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _find_ticks(duration_s: float) -> list[float]:
    """Round seconds for an axis, at most 9 of them."""
    step = next(
        (step for step in (5, 10, 30, 60, 120, 300, 600, 1800, 3600) if duration_s / step <= 8),
        7200,
    )
    return [float(at) for at in range(0, int(duration_s) + 1, step)]
