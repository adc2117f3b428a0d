"""Topics and words of calls whose words are known, with the answers written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.stages.contract import run_stage
from callqa_assets.stages.topics import STAGE
from callqa_assets.warehouse import tables
from tests.support.direct import DirectRun
from tests.support.snapshot import read_rows
from tests.support.written_calls import WrittenCall, write_calls

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
TOPICS = """
topics:
  - name: 退费
    any: [退费, 我要退费, {regex: '退.{0,2}款'}]
    unless: [不用退费]
  - name: 会员
    any: [会员]
    role: customer
    queue: [VIP]
"""


@pytest.fixture
def process(home, warehouse, rules, tmp_path):
    """Store calls and bring the stage up to date; returns the ids, in order."""

    def run(calls, topics=TOPICS, hotwords=(), *, write=True):
        configs = tmp_path / "configs"
        configs.mkdir(exist_ok=True)
        (configs / "topics.yaml").write_text(topics, "utf-8")
        ids = []
        if write:
            with warehouse.write() as connection:
                ids = write_calls(connection, DAY, calls)
        lists = HotwordLists({"default": tuple(hotwords)})
        context = DirectRun(home, warehouse, rules, lists).pipeline().context
        stage = STAGE.build(replace(context, configs=Path(configs)))
        return ids, run_stage(warehouse, stage, DAY, run_id="run")

    return run


def hits(warehouse, recording_id):
    return [
        (
            h["channel"],
            h["segment_no"],
            h["hit_no"],
            h["topic"],
            h["text"],
            h["start_s"],
            h["end_s"],
        )
        for h in sorted(
            read_rows(warehouse, tables.topic_hits),
            key=lambda h: (h["channel"], h["segment_no"], h["hit_no"]),
        )
        if h["recording_id"] == recording_id
    ]


def test_hits_have_the_times_of_their_words_and_overlapping_ones_are_one(process, warehouse):
    (call,), report = process(
        [WrittenCall({"agent": ["您好"], "customer": ["您好", "我要退费,退一下款"]}, queue="vip")]
    )
    assert (report.computed, report.failed) == (1, {})
    # 我要退费 and 退费 overlap: one hit, the longer. 退一下款: characters 5 to 8 of the segment.
    assert hits(warehouse, call) == [
        (1, 1, 0, "退费", "我要退费", pytest.approx(20.0), pytest.approx(20.8)),
        (1, 1, 1, "退费", "退一下款", pytest.approx(21.0), pytest.approx(21.8)),
    ]


def test_a_negated_match_is_no_hit_and_another_in_the_same_sentence_is(process, warehouse):
    (call,), _ = process([WrittenCall({"customer": ["不用退费了,那个退费再说"]})])
    assert hits(warehouse, call) == [
        (0, 0, 0, "退费", "退费", pytest.approx(1.6), pytest.approx(2.0))
    ]


def test_a_topic_is_looked_for_in_its_queues_and_from_its_roles_only(process, warehouse):
    said = {"agent": ["会员"], "customer": ["会员"]}
    (vip, other, unknown), _ = process(
        [WrittenCall(said, queue="vip"), WrittenCall(said, queue="b"), WrittenCall(said)]
    )
    assert [h[0] for h in hits(warehouse, vip)] == [1]
    assert hits(warehouse, other) == hits(warehouse, unknown) == []


def test_words_are_counted_without_numbers_stop_words_and_single_characters(process, warehouse):
    process(
        [
            WrittenCall(
                {
                    "agent": ["您好,请问有什么可以帮您"],
                    "customer": ["信用卡还款158.5元,信用卡WiFi", "我查一下网络,20250314"],
                }
            )
        ],
        hotwords=["信用卡还款"],
    )
    assert {r["role"]: r["terms"] for r in read_rows(warehouse, tables.call_terms)} == {
        "agent": {},
        "customer": {"信用卡还款": 1, "信用卡": 1, "wifi": 1, "网络": 1},
    }


def test_languages_whose_words_cannot_be_told_apart_are_noted(process, warehouse):
    process([WrittenCall({"customer": ["解約したいです"]}, language="ja")])
    assert [r["terms"] for r in read_rows(warehouse, tables.call_terms)] == [{}]
    (note,) = read_rows(warehouse, tables.stage_notes)
    assert (note["note"], note["detail"][:2]) == ("words_not_counted", "ja")


def test_a_changed_topic_is_searched_again_and_a_second_run_does_nothing(process, warehouse):
    (call,), _ = process([WrittenCall({"customer": ["我要退费,网络"]})])
    _, again = process([], write=False)
    assert (again.computed, again.current) == (0, 1)
    _, changed = process([], TOPICS.replace("[退费, 我要退费,", "[网络,"), write=False)
    assert changed.computed == 1
    assert [h[4] for h in hits(warehouse, call)] == ["网络"]


def test_a_call_without_words_has_no_rows(process, warehouse):
    _, report = process([WrittenCall({})])
    assert report.computed == 1
    assert read_rows(warehouse, tables.topic_hits) == []
    assert read_rows(warehouse, tables.call_terms) == []
