"""Every query of docs/data_dictionary.md runs as printed, on tables with rows in them, and those on
`emotion_records` answer what they say.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.reviews import decide
from resources.storage.home import REPO
from tests.support.calls import write_call
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DICTIONARY = (REPO / "docs" / "data_dictionary.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sql|sqlite|postgresql)\n(.*?)^```$", DICTIONARY, re.M | re.S)
QUERIES = [
    (dialect, query.strip())
    for dialect, block in BLOCKS
    for query in block.split(";")
    if query.strip()
]
ASKED_DAY = "2025-03-15"
"""The day that the page's examples ask for."""


def write_calls(drop: Path) -> None:
    calls = ((ASKED_DAY, "1004", 0.2), (ASKED_DAY, "1004", 0.05), ("2025-03-14", "1001", 0.1))
    for seed, (day, agent, anger) in enumerate(calls):
        write_call(drop, day, agent, seed=seed, anger=anger, clock=f"09{seed}000")


@pytest.fixture
def asked(process_calls, warehouse) -> Warehouse:
    """Calls of two agents on the page's day, an angry one of each kind, and a decision."""
    process_calls(write_calls)
    with warehouse.write() as connection:
        (alert,) = connection.execute(sa.select(tables.alerts.c.alert_id)).scalars()
        decide(
            connection,
            alert,
            is_true_alarm=True,
            reviewer="ann",
            note=None,
            now=datetime(2025, 3, 20, tzinfo=UTC),
        )
    return warehouse


def ask(warehouse: Warehouse, query: str) -> list[dict]:
    with warehouse.read() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def query_of(words: str) -> str:
    """The first query after a line of the page."""
    (block,) = re.findall(
        rf"^{re.escape(words)}[^\n]*:\n\n```sql\n(.*?);\n```$", DICTIONARY, re.M | re.S
    )
    return block


def test_the_page_has_queries():
    assert len(QUERIES) > 12
    assert {dialect for dialect, _ in QUERIES} == {"sql", "sqlite", "postgresql"}


def test_every_query_of_the_page_runs_as_printed(asked):
    mine = asked.engine.dialect.name
    for dialect, query in QUERIES:
        if dialect in ("sql", mine):
            ask(asked, query)


def test_a_days_moments_in_alert_are_the_spans_that_its_alerts_overlap(asked):
    (alert,) = read_rows(asked, tables.alerts)
    rows = ask(asked, query_of("A day's moments in alert"))
    assert {row["emotion"] for row in rows} == {"angry"}
    assert {row["agent_id"] for row in rows} == {"1004"}
    assert all(
        row["start_s"] < alert["ended_s"] and row["end_s"] > alert["started_s"] for row in rows
    )
    assert len(rows) == 1


def test_a_superseded_alert_marks_nothing(asked):
    with asked.write() as connection:
        connection.execute(sa.update(tables.alerts).values(superseded_at=datetime.now(UTC)))
    assert ask(asked, query_of("A day's moments in alert")) == []


def test_the_distribution_counts_segments_without_unknown_and_other(asked):
    with asked.write() as connection:
        table = tables.emotion_scores
        first = connection.execute(
            sa.select(table.c.recording_id).where(table.c.role == "agent").limit(1)
        ).scalar_one()
        connection.execute(
            sa.update(table)
            .where(table.c.recording_id == first, table.c.role == "agent")
            .values(emotion="other")
        )
    counted = Counter(
        row["emotion"]
        for row in read_rows(asked, tables.emotion_scores)
        if row["emotion"] not in ("unknown", "other")
    )
    rows = ask(asked, query_of("Distribution of emotions over the segments"))
    assert {row["emotion"]: row["segments"] for row in rows} == counted
    assert sum(float(row["percent"]) for row in rows) == pytest.approx(100, abs=0.2)


def test_agents_are_listed_separately(asked):
    rows = ask(asked, query_of("By agent: how the customers of each sounded"))
    counts = {row["agent_id"]: (row["segments"], row["in_alert"]) for row in rows}
    assert counts == {"1004": (2, 1), "1001": (1, 0)}


def test_a_months_angry_moments_of_an_agent_are_found(asked):
    (row,) = ask(asked, query_of("One agent's angry moments"))
    (alert,) = read_rows(asked, tables.alerts)
    assert row["audio_id"] == alert["recording_id"]


def test_the_precision_of_rules_is_found(asked):
    (row,) = ask(asked, query_of("The precision of the rules"))
    assert (row["rule"], row["decided"], float(row["precision"])) == ("anger", 1, 1.0)
