"""Every query of docs/questions.md runs as printed and is right about days made by hand."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from resources.storage.home import REPO
from tests.support.published_days import SAID, write_published_days

pytestmark = pytest.mark.both_engines

PAGE = (REPO / "docs" / "questions.md").read_text("utf-8")
QUESTIONS = {
    int(number): query
    for number, query in re.findall(r"^## (\d+)\. .*?```sql\n(.*?);\n```$", PAGE, re.M | re.S)
}


def call_id(key: int) -> str:
    return f"202503140000000000{key}"


ANSWERS: dict[int, list[tuple[Any, ...]]] = {
    2: [
        (20250307, 5, True, None, 1, 100),
        (20250313, 4, True, None, 2, 250),
        (20250314, 5, True, None, 4, 550),
    ],
    3: [("09", 2, 2, 1), ("14", 1, 1, 0), ("15", 1, 0, 0)],
    4: [("售后", 5, 1, 5, 20), ("理财", 2, 1, 1, 100)],
    5: [("1001", "售后", 40, 16, 0.15, 0.33, 0.12, 0.4, "worse")],
    6: [("1001", 2, 2, 57.1, 15, 245), ("1002", 2, 1, 57.1, 15, 260)],
    7: [(call_id(4), "1001", 4, 4, None)],
    8: [("interrupted", 1, 1), ("not interrupted", 5, 1)],
    9: [(1, 8, 0, 0), (2, 8, 0, 0), (3, 8, 8, 100), (4, 8, 8, 100)],
    10: [("退费", 3, 2, 1), ("理财产品", 1, 1, 0)],
    11: [("退费", "spike", 3, 1, 3, 40), ("理财产品", "too_young", 1, None, None, 3)],
    12: [("售后", "骗人", 20, 60, 10, 400, 4.2)],
    13: [("售后", "退费", 3, 1), ("售后", "合同", 1, 0)],
    14: [("standard", "greeting", 3, 2, 0), ("standard", "identity", 3, 1, 0)],
    15: [
        ("1001", "greeting", 1, call_id(4)),
        ("1002", "greeting", 1, call_id(6)),
        ("1002", "identity", 1, call_id(6)),
    ],
    16: [],
    17: [(1, 1, 1, "退费"), (3, 2, 0, None)],
    18: [
        (1, 1, 20250307, call_id(1), "1001", "neutral"),
        (1, 2, 20250314, call_id(4), "1001", "angry"),
    ],
    19: [
        (call_id(4), "customer_anger", "high", 16, "agent", "neutral", "按照规定开课后不能退"),
        (call_id(4), "customer_anger", "high", 39, "customer", "angry", "你们这是骗人,我要投诉"),
    ],
    20: [("退费", "到账时间", "1001", 40, 20, 0.2, 0.45, call_id(4), 8)],
}
"""Worked out from the rows of `tests/support/published_days.py`, not from the queries."""


@pytest.fixture
def published(warehouse):
    with warehouse.write() as connection:
        write_published_days(connection)
    return warehouse


def ask(warehouse, number: int) -> list[tuple[Any, ...]]:
    with warehouse.read() as connection:
        rows = connection.execute(sa.text(QUESTIONS[number])).all()
    # SQLite has no type for booleans, and PostgreSQL one of its own for exact decimals.
    return [
        tuple(float(value) if isinstance(value, Decimal) else value for value in row)
        for row in rows
    ]


def test_the_page_has_twenty_questions():
    assert sorted(QUESTIONS) == list(range(1, 21))
    assert len(re.findall(r"^## ", PAGE, re.M)) == 20


def test_the_days_that_can_be_used_are_listed(published):
    assert [row[:3] for row in ask(published, 1)] == [
        (20250307, 1, 0),
        (20250313, 2, 0),
        (20250314, 4, 1),
    ]


def test_under_each_query_stands_an_answer_with_its_columns(published):
    answers = re.findall(
        r"<!-- demo -->\nThe demo(?:: no rows\.|:\n\n\| (.*?) \|)\n", PAGE, re.S | re.M
    )
    with published.read() as connection:
        columns = [
            list(connection.execute(sa.text(QUESTIONS[number])).keys())
            for number in sorted(QUESTIONS)
        ]
    shown = [answer.partition(" |\n")[0].split(" | ") if answer else None for answer in answers]
    assert len(shown) == 20
    assert shown == [
        None if answer is None else own for answer, own in zip(shown, columns, strict=True)
    ]


@pytest.mark.parametrize("number", ANSWERS)
def test_the_answer_is_the_right_one(published, number):
    assert ask(published, number) == ANSWERS[number]


def test_forbidden_phrases_are_found(published):
    with published.write() as connection:
        connection.execute(
            sa.text(
                "UPDATE fact_script_check SET outcome = 'forbidden', matched_text = '保本', "
                "start_s = 12.5, score = 100 WHERE call_key = 5 AND script_item_key = 2"
            )
        )
    assert ask(published, 16) == [(call_id(5), "1001", "identity", "forbidden", "保本", 12.5, 100)]


def test_text_is_passed_as_it_is_stored(published):
    with published.read() as connection:
        query = sa.text("SELECT text FROM published_fact_segment")
        assert SAID in connection.execute(query).scalars().all()
