"""Keywords, topics and words of unhappy calls of hand-made days, with answers written by hand."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR, shift_day
from callqa_assets.marts import keyword_daily, terms_contrast, topic_daily
from callqa_assets.marts.mart import MartContext
from callqa_assets.stages.contract import run_stage
from callqa_assets.stages.topics import STAGE
from callqa_assets.warehouse import tables
from resources.storage.home import REPO
from tests.support.direct import DirectRun
from tests.support.written_calls import WrittenCall, with_defaults, write_calls

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


@pytest.fixture
def write_day(home, warehouse, rules):
    """Store a day's calls and search them for the shipped topics; returns the ids, in order."""

    def write(calls, day=DAY, **options):
        with warehouse.write() as connection:
            ids = write_calls(connection, day, calls, **options)
        context = DirectRun(home, warehouse, rules).pipeline().context
        run_stage(warehouse, STAGE.build(context), day, run_id="run")
        return ids

    return write


@pytest.fixture
def compute(warehouse):
    def run(mart, day=DAY):
        with warehouse.read() as connection:
            context = MartContext(
                connection, DEFAULT_CALENDAR, REPO / "configs", today="2025-06-01"
            )
            return mart.compute(context, day)

    return run


def test_words_of_the_day_by_queue_and_role(write_day, compute):
    write_day(
        [
            WrittenCall({"agent": ["网络套餐"], "customer": ["套餐套餐"]}, "A", "1"),
            WrittenCall({"agent": ["网络"], "customer": ["套餐"]}, "A", "1"),
            WrittenCall({"agent": ["网络"], "customer": ["套餐", "网络"]}, "A", "2"),
            WrittenCall({"agent": ["套餐"], "customer": ["好的"]}, "A"),
            WrittenCall({"agent": ["网络"], "customer": ["套餐"]}, "B", "3"),
        ]
    )
    # Queue A: of 4 calls, 3 agents say 网络 (agents 1, 2), 3 customers say 套餐, 4 times in all.
    # Less than 3 calls: 套餐 by agents (2), 网络 by customers (1), all of queue B.
    (network, plan) = compute(keyword_daily)[tables.keyword_daily]
    common = {"date_key": 20250314, "queue_key": 1, "calls": 3, "calls_all": 4, "share": 0.75}
    agents = {**common, "role": "agent", "term": "网络", "agents": 2, "occurrences": 3}
    assert network == agents
    assert plan == {**common, "role": "customer", "term": "套餐", "agents": 2, "occurrences": 4}


def test_topics_of_the_day_by_queue_with_those_that_nobody_speaks_of(write_day, compute):
    write_day(
        [
            WrittenCall({"customer": ["我要退费", "退款"]}, "A", "1"),
            WrittenCall({"customer": ["退钱"]}, "A", "1"),
            WrittenCall({"customer": ["不用退费了"]}, "A", "2"),
            WrittenCall({"customer": ["谢谢"]}, "B", "2"),
        ]
    )
    rows = {(r["queue_key"], r["topic"]): r for r in compute(topic_daily)[tables.topic_daily]}
    refunds = rows[1, "退费"]
    assert [refunds[n] for n in ("calls", "calls_all", "agents", "hits")] == [2, 3, 1, 3]
    assert refunds["share"] == pytest.approx(2 / 3)
    assert [rows[2, "退费"][n] for n in ("calls", "calls_all", "agents", "share")] == [0, 1, 0, 0.0]
    assert rows[1, "投诉"]["calls"] == 0
    assert {topic for _, topic in rows} >= {
        "退费",
        "开户流程",
        "信用卡还款",
        "理财产品",
        "利率调整",
    }


def test_another_recogniser_or_definition_is_another_version(write_day, compute, warehouse):
    calls = [WrittenCall({"customer": ["退费"]}, "A", "1")]
    versions = set()
    for number, made_by in enumerate(("asr-1", "asr-1", "asr-2")):
        day = shift_day(DAY, number)
        write_day(calls, day, made_by=made_by)
        row = compute(topic_daily, day)[tables.topic_daily][0]
        versions.add((row["recogniser"], row["definition"]))
    assert len(versions) == 2


def _calls(word: str, others: int, unhappy: bool | None, agents: int = 10):
    """`others` calls, of which every one says `word`, by turns of agents."""
    return [
        WrittenCall({"customer": [word]}, "A", str(n % agents), is_unhappy=unhappy)
        for n in range(others)
    ]


def test_a_word_of_unhappy_calls_is_found_with_where_it_is_said(write_day, compute):
    unhappy = write_day(_calls("网络,故障,故障", 40, True), shift_day(DAY, -27))
    write_day([*_calls("网络,套餐", 200, False), *_calls("故障", 30, None)])
    write_day(_calls("故障", 30, False), shift_day(DAY, -28))  # out of the window
    found = compute(terms_contrast)
    # All say 网络; 故障 is said by all 40 unhappy calls and by none of the 200 others.
    (row,) = found[tables.terms_contrast]
    counts = ("term", "unhappy_with", "unhappy_calls", "other_with", "other_calls", "agents")
    assert [row[name] for name in counts] == ["故障", 40, 40, 0, 200, 10]
    # p = 40 of 240: a = 8.33, b = 41.67 (each + 0.001);
    # odds (40 + a) / b = 1.160 against a / (200 + b) = 0.03449: 33.6.
    assert row["odds_ratio"] == pytest.approx(33.6, abs=0.1)
    examples = found[tables.terms_contrast_examples]
    assert [e["example_no"] for e in examples] == [0, 1, 2]
    assert len({e["recording_id"] for e in examples} & set(unhappy)) == 3
    for example in examples:
        assert (example["start_s"], example["end_s"]) == pytest.approx((0.6, 1.0))


def test_a_word_of_few_agents_is_not_told(write_day, compute):
    write_day([*_calls("网络,故障", 40, True, agents=4), *_calls("网络,套餐", 200, False)])
    assert compute(terms_contrast)[tables.terms_contrast] == []


def test_words_are_compared_within_a_queue(write_day, compute):
    """Queue B is unhappy and says 故障 always: no word makes its calls unhappy."""
    said = {"customer": ["网络,故障"]}
    write_day(
        [
            *(WrittenCall(said, "B", str(n % 9), is_unhappy=n % 2 == 0) for n in range(80)),
            *_calls("网络,套餐", 200, False),
        ]
    )
    assert compute(terms_contrast)[tables.terms_contrast] == []


def test_words_of_the_rule_that_makes_calls_unhappy_are_left_out(write_day, compute, warehouse):
    ids = write_day([*_calls("网络,故障", 40, True), *_calls("网络,套餐", 200, False)])
    yaml = """
rules:
  - {name: outage, text: {any: [有故障]}, priority: high}
"""
    with warehouse.write() as connection:
        rule_set = {"rule_hash": "r", "yaml": yaml}
        connection.execute(
            sa.insert(tables.rule_sets).values(with_defaults(tables.rule_sets, rule_set))
        )
        alert = {
            "alert_id": "a",
            "recording_id": ids[0],
            "day": DAY,
            "rule": "outage",
            "rule_hash": "r",
            "priority": "high",
            "mode": "live",
        }
        connection.execute(sa.insert(tables.alerts).values(with_defaults(tables.alerts, alert)))
    assert compute(terms_contrast)[tables.terms_contrast] == []
