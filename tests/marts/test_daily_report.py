"""The daily report says what the marts say, what it does not know, and needs nothing but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.marts.report.page import render_page
from callqa_assets.marts.report.reading import ReportError, read_daily_report
from callqa_assets.marts.report.words import WORDS
from callqa_assets.warehouse import tables
from resources.notifier.translations import WORDS as MESSAGE_WORDS
from tests.support.published_days import DAY, DAY_BEFORE, SAID, write_published_days


@pytest.fixture
def published(warehouse):
    with warehouse.write() as connection:
        write_published_days(connection)
    return warehouse


@pytest.fixture
def report(published):
    with published.read() as connection:
        return read_daily_report(connection, DAY, DEFAULT_CALENDAR)


@pytest.mark.both_engines
def test_figures_are_those_of_the_day_the_day_before_and_the_mean_of_four_weeks(report):
    found = {
        figure.name: (
            figure.value(DAY),
            figure.value(DAY_BEFORE),
            figure.mean(report.days_before),
        )
        for figure in report.figures
    }
    assert found == {
        "calls": (4, 2, pytest.approx(1.5)),
        "duration": (550, 250, 200),
        "unhappy": (pytest.approx(1 / 3), 0.5, pytest.approx(1 / 3)),
        "alerts_high": (1, 1, 0.5),
        "silence": (pytest.approx(0.15), pytest.approx(0.15), pytest.approx(0.15)),
        "interrupted": (pytest.approx(1 / 3), 0, 0),
        "script_missed": (0.5, 0.25, pytest.approx(1 / 6)),
        "repeats": (pytest.approx(1 / 3), 0, 0),
    }


@pytest.mark.both_engines
def test_lists_hold_what_the_marts_of_the_day_hold(report):
    assert {hour.hour: (hour.calls, hour.unhappy) for hour in report.hours if hour.calls} == {
        9: (2, 1),
        14: (1, 0),
        15: (1, 0),
    }
    assert [(q.queue, q.calls, q.judged, q.unhappy) for q in report.queues] == [
        ("售后", 3, 3, 1),
        ("理财", 1, 0, 0),
    ]
    (alert,) = report.alerts
    assert (alert.rule, alert.agent, alert.queue) == ("customer_anger", "1001", "售后")
    assert len(alert.spoken) == 5
    assert [bar.start_s for bar in alert.said] == [16.0, 39.0]
    assert [(spike.topic, spike.calls, spike.expected) for spike in report.spikes] == [
        ("退费", 3, 1.0)
    ]
    assert [(item.item, item.missed, item.applicable) for item in report.script_items] == [
        ("greeting", 2, 3),
        ("identity", 1, 3),
    ]
    assert [word.term for word in report.words] == ["骗人"]
    assert [(repeat.topic, repeat.chain_length) for repeat in report.repeats] == [("退费", 2)]


@pytest.mark.both_engines
def test_what_is_not_known_is_said(report):
    assert {gap.name: gap.values for gap in report.gaps} == {
        "incomplete": {"n": 1, "of": 4},
        "days_missing": {"n": 26},
        "not_separate": {"n": 1, "of": 4},
        "not_judged": {"n": 1, "of": 4},
        "customers_unknown": {"n": 1, "of": 4},
        "topics_too_young": {"n": 1},
    }


def test_a_newer_state_that_is_withheld_is_said(published):
    with published.write() as connection:
        connection.execute(sa.update(tables.published_days).values(reason="segments: 1 recording"))
    with published.read() as connection:
        report = read_daily_report(connection, DAY, DEFAULT_CALENDAR)
    assert "segments: 1 recording" in render_page(report, "en")


def test_a_day_that_is_not_published_has_no_report(published):
    with published.read() as connection, pytest.raises(ReportError, match="is not published"):
        read_daily_report(connection, "2025-03-20", DEFAULT_CALENDAR)


class Tags(HTMLParser):
    """Open tags, to see that they are closed; what would be loaded."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset")]
        self.loads += [tag] if tag in ("script", "link", "iframe", "img") else []

    def handle_startendtag(self, tag, attrs):
        pass  # closes itself

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", WORDS)
def test_the_page_loads_nothing_and_is_well_formed(report, language):
    page = render_page(report, language)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.loads == []
    assert "url(" not in page
    assert not re.search(r"https?://", page)
    assert "骗人" in page
    assert "33.3%" in page


def test_text_of_calls_is_no_markup(report):
    (alert,) = report.alerts
    spoken = tuple(replace(bar, text="<script>alert(1)</script>") for bar in alert.spoken)
    page = render_page(replace(report, alerts=(replace(alert, spoken=spoken),)), "zh")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_day_without_calls_has_a_page(published):
    with published.write() as connection:
        for table in tables.PUBLISHED_TABLES:
            if table.name.startswith(("fact_", "topic_", "terms_")):
                connection.execute(sa.delete(table))
    with published.read() as connection:
        page = render_page(read_daily_report(connection, DAY, DEFAULT_CALENDAR), "zh")
    assert WORDS["zh"]["nothing"] in page


def test_every_language_has_the_same_words():
    # English messages name emotions by their own names.
    assert set(WORDS["zh"]) - set(WORDS["en"]) <= set(MESSAGE_WORDS["zh"])
    assert set(WORDS["en"]) <= set(WORDS["zh"])


def test_the_command_writes_below_the_home(published, home):
    ran = CliRunner().invoke(app, ["report", "--day", DAY])
    assert ran.exit_code == 0, ran.output
    page = (home.reports / f"{DAY}.html").read_text("utf-8")
    assert "你们这是骗人" in page
    assert SAID not in page  # outside of the alert's stretch
