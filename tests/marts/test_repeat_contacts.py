"""Repeats and chains by hand: who calls again is known, who is called so is not."""

from __future__ import annotations

import re

import pytest

from callqa_assets.domain.calls.customers import hash_customer
from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.marts import calls, repeat_contacts
from callqa_assets.marts.mart import MartContext
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from tests.marts.made_calls import CONFIGS, KEY, MadeCalls, ask, publish
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

MADE = (
    # Friday; half an hour apart; then Thursday, 4 workdays later; then 8 days later.
    ("a", "2025-03-14 09:30", "13800138000", ("退费", "开户流程")),
    ("b", "2025-03-14 10:00", "+86 138-0013-8000", ("退费",)),
    ("other", "2025-03-14 10:30", "13900139000", ("退费",)),
    ("silent", "2025-03-14 11:00", "13800138000", ()),
    ("hidden1", "2025-03-14 12:00", "anonymous", ("退费",)),
    ("hidden2", "2025-03-14 12:30", "anonymous", ("退费",)),
    ("nobody", "2025-03-14 13:00", None, ("退费",)),
    ("d", "2025-03-20 09:00", "013800138000", ("退费",)),
    ("e", "2025-03-28 09:00", "13800138000", ("退费",)),
)
DAYS = ("2025-03-14", "2025-03-20", "2025-03-28")


@pytest.fixture
def made(warehouse: Warehouse) -> Warehouse:
    with warehouse.write() as connection:
        made = MadeCalls(connection)
        for recording_id, local, customer, topics in MADE:
            call = made.call(recording_id, local, customer_id=customer)
            if topics:
                call.speaks_of(*topics)
    for day in DAYS:
        publish(warehouse, calls.MART, day)
    return warehouse


def publish_all(warehouse: Warehouse, **options) -> dict[str, dict]:
    """The columns but the keys of every call, with recordings for the keys of calls."""
    for day in DAYS:
        publish(warehouse, repeat_contacts.MART, day, **options)
    names = {r["call_key"]: r["recording_id"] for r in read_rows(warehouse, tables.call_keys)}
    rows = {names[row["call_key"]]: row for row in read_rows(warehouse, tables.fact_repeat_contact)}
    for row in rows.values():
        for column in ("repeat_of_call_key", "chain_call_key"):
            row[column] = names.get(row[column])
    return rows


def columns(row: dict, *names: str) -> tuple:
    return tuple(row[name] for name in names)


def test_repeats_look_back_and_say_how_long_it_took(made):
    rows = publish_all(made)
    look_back = ("is_repeat", "repeat_of_call_key", "repeat_after_s", "repeat_after_workdays")
    assert {name: columns(row, *look_back) for name, row in rows.items()} == {
        "a": (False, None, None, None),
        "b": (True, "a", 1800.0, 0),
        "d": (True, "b", 6 * 86_400.0 - 3600, 4),
        "e": (False, None, None, None),
        "other": (False, None, None, None),
        **dict.fromkeys(("silent", "hidden1", "hidden2", "nobody"), (None,) * 4),
    }
    (topic,) = ask(
        made,
        "SELECT DISTINCT t.topic FROM published_fact_repeat_contact r "
        "JOIN published_dim_topic t ON t.topic_key = r.repeat_topic_key",
    )
    assert topic == {"topic": "退费"}


def test_chains_have_a_first_call_a_position_and_a_length_so_far(made):
    rows = publish_all(made)
    chain = ("chain_call_key", "chain_position", "chain_length")
    assert columns(rows["a"], *chain) == ("a", 1, 2)
    assert columns(rows["b"], *chain) == ("a", 2, 2)
    assert columns(rows["d"], *chain) == ("a", 3, 3)
    assert columns(rows["e"], *chain) == ("e", 1, 1)
    assert columns(rows["silent"], *chain) == (None, None, None)


@pytest.mark.parametrize(
    ("today", "of_the_14th", "of_the_20th"),
    [
        ("2025-03-21", None, None),  # the seventh day after the 14th is not over
        ("2025-03-22", True, None),
        ("2025-03-28", True, False),
    ],
)
def test_whether_a_call_is_repeated_is_not_said_before_its_window_has_passed(
    made, today, of_the_14th, of_the_20th
):
    rows = publish_all(made, today=today)
    assert rows["a"]["repeated_within_7d"] is of_the_14th
    assert rows["b"]["repeated_within_7d"] is of_the_14th
    assert rows["other"]["repeated_within_7d"] is (False if of_the_14th else None)
    assert rows["d"]["repeated_within_7d"] is of_the_20th
    assert rows["nobody"]["repeated_within_7d"] is None


def test_a_customer_is_one_hash_and_no_number_is_stored(made):
    rows = publish_all(made)
    assert {rows[name]["customer_hash"] for name in ("a", "b", "d", "e", "silent")} == {
        hash_customer("13800138000", KEY)
    }
    assert rows["hidden1"]["customer_hash"] is rows["nobody"]["customer_hash"] is None
    for table in tables.PUBLISHED_TABLES:
        stored = " ".join(map(repr, read_rows(made, table)))
        assert not re.search("138.?0013.?8000|a key for tests", stored), table.name


def test_without_a_key_nothing_is_known_of_anybody(made):
    rows = publish_all(made, key=None)
    kept = {"date_key", "call_key", "call_day", "agent_key", "queue_key"}
    assert len(rows) == len(MADE)
    assert {row[name] for row in rows.values() for name in row if name not in kept} == {None}


def test_another_key_makes_every_day_out_of_date(made):
    with made.read() as connection:
        params = [
            repeat_contacts.MART.params(
                MartContext(connection, DEFAULT_CALENDAR, CONFIGS, "2025-06-01", key)
            )
            for key in (KEY, b"new", None)
        ]
    assert len({str(each) for each in params}) == 3
    assert not any("key for tests" in str(each) for each in params)
