"""How agents explain a policy, on hand-made calls with hand-written answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR, date_key
from callqa_assets.marts import policy_calls as calls_mart
from callqa_assets.marts import policy_explanations as explanations_mart
from callqa_assets.marts.mart import MartContext
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.mart_days import replace_rows
from tests.support.written_calls import WrittenCall, with_defaults, write_calls

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
TOPICS = """
topics:
  - name: 退费
    any: [退费]
    points:
      - {name: 到账时间, any: [工作日]}
      - {name: 手续费, any: [手续费, {regex: '扣.{0,2}钱'}]}
  - {name: 开户, any: [开户]}
"""
FULL = WrittenCall(
    # Segments begin at 0 s and 20 s; a character takes 0.2 s.
    said={"agent": ["退费要三个工作日", "不收手续费"], "customer": ["我要退费", "工作日是哪天"]},
    queue="refunds",
    agent="ann",
)
PARTLY = WrittenCall(
    said={"agent": ["请稍等", "会扣一点钱"], "customer": ["我要退费"]}, queue="refunds", agent="ben"
)


@pytest.fixture
def store(warehouse, tmp_path):
    """Calls, hits of the topic where it is said, and emotions of the customer, by recording."""
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")

    def run(day, calls, emotions=(), words=()):
        with warehouse.write() as connection:
            ids = write_calls(connection, day, calls)
            hits = _topic_hits(connection, day)
            if hits:
                connection.execute(sa.insert(tables.topic_hits), hits)
            spans = [
                {"recording_id": ids[call], "channel": 1, "span_no": n, "day": day,
                 "role": "customer", "start_s": start, "end_s": end, "emotion": emotion,
                 "confidence": 0.9}
                for n, (call, start, end, emotion) in enumerate(emotions)
            ]  # fmt: skip
            if spans:
                connection.execute(sa.insert(tables.emotion_spans), spans)
            if words:
                rows = [
                    {"recording_id": ids[call], "channel": 0, "day": day, "role": "agent",
                     "terms": dict.fromkeys(terms, 1)}
                    for call, terms in enumerate(words)
                ]  # fmt: skip
                connection.execute(sa.insert(tables.call_terms), rows)
            context = MartContext(connection, DEFAULT_CALENDAR, tmp_path, today=day)
            for mart in (calls_mart.MART, explanations_mart.MART):
                for table, found in mart.compute(context, day).items():
                    assert all(set(row) == set(table.columns.keys()) for row in found), table.name
                    replace_rows(connection, table, day, list(found))
        return ids

    return run


def _topic_hits(connection, day):
    spoken = connection.execute(
        sa.select(tables.transcripts).where(
            tables.transcripts.c.day == day, tables.transcripts.c.text.contains("退费")
        )
    ).mappings()
    return [
        with_defaults(
            tables.topic_hits,
            {
                **{k: s[k] for k in ("recording_id", "channel", "segment_no", "day", "role")},
                "topic": "退费",
                "text": "退费",
                "start_s": s["start_s"] + 0.2 * s["text"].index("退费"),
                "end_s": s["start_s"] + 0.2 * (s["text"].index("退费") + 2),
            },
        )
        for s in spoken
    ]


@pytest.fixture
def read(warehouse):
    def rows(table, day=DAY):
        with warehouse.read() as connection:
            query = sa.select(table).where(table.c.date_key == date_key(day))
            found = connection.execute(query.order_by(*table.primary_key.columns)).mappings()
            return [dict(row) for row in found]

    return rows


def test_a_call_is_told_by_what_the_agent_explains_and_how_the_customer_is_after_it(store, read):
    full, partly = store(
        DAY,
        [FULL, PARTLY],
        # Explained until the fee is named, 20.4 to 21.0 s: 3.6 s are known after it, 2.6 negative.
        emotions=[
            *((0, 0.0, 4.0, "angry"), (0, 20.0, 21.0, "unknown"), (0, 21.0, 23.6, "angry")),
            *((0, 23.6, 24.6, "neutral"), (1, 21.0, 23.0, "neutral")),
        ],
    )
    one, two = read(tables.policy_calls)
    assert (one["recording_id"], one["topic"], one["points"], one["points_said"]) == (
        *(full, "退费", 2, 2),
    )
    assert (one["topic_s"], one["explained_from_s"]) == (0.0, 0.0)
    assert one["explained_to_s"] == pytest.approx(21.0)
    assert one["after_labelled_s"] == pytest.approx(3.6)
    assert one["after_negative_s"] == pytest.approx(2.6)
    assert one["negative_after"]
    # The customer names the topic; the agent only the fee, at 20.2 s.
    assert (two["recording_id"], two["topic_s"], two["points_said"]) == (
        *(partly, pytest.approx(0.4), 1),
    )
    assert two["explained_from_s"] == pytest.approx(20.2)
    assert two["negative_after"] is None  # 1.8 s are too few

    made = {(p["recording_id"], p["point"]): p for p in read(tables.policy_call_points)}
    assert {key: point["said"] for key, point in made.items()} == {
        (full, "到账时间"): True,
        (full, "手续费"): True,
        (partly, "到账时间"): False,
        (partly, "手续费"): True,
    }
    assert made[full, "手续费"]["start_s"] == pytest.approx(20.4)
    assert made[partly, "到账时间"]["start_s"] is None


def test_topics_without_points_are_no_policies(store, read):
    store(DAY, [WrittenCall(said={"agent": ["开户要身份证"]}, queue="q", agent="ann")])
    assert read(tables.policy_calls) == []


def test_what_an_agent_leaves_out_is_compared_within_the_queue(store, read):
    elsewhere = replace(PARTLY, queue="sales", agent="dan")
    first = store("2025-03-10", [PARTLY, FULL])
    last = store(DAY, [PARTLY, FULL, FULL, replace(FULL, agent="ben"), elsewhere])
    rows = {(row["queue_key"], row["agent_key"], row["point"]): row
            for row in read(tables.policy_points)}  # fmt: skip
    refunds, sales = 1, 2
    ann, ben, dan = 1, 2, 3
    assert set(rows) == {
        (queue, agent, point)
        for queue, agent in ((refunds, ann), (refunds, ben), (sales, dan))
        for point in ("到账时间", "手续费")
    }
    left_out = rows[refunds, ben, "到账时间"]
    assert (left_out["n"], left_out["n_events"]) == (3, 2)
    assert left_out["expected"] == pytest.approx(2 / 6)
    assert left_out["said_recording_id"] == last[3]
    assert left_out["said_s"] == pytest.approx(1.0)  # after 退费要三个
    assert left_out["omitted_recording_id"] == last[0] != first[0]
    assert left_out["omitted_topic_s"] == pytest.approx(0.4)
    always = rows[refunds, ann, "到账时间"]
    assert (always["n"], always["n_events"], always["omitted_recording_id"]) == (3, 0, None)
    assert rows[sales, dan, "到账时间"]["shrunk"] is None  # alone

    explained = {row["agent_key"]: row for row in read(tables.policy_explanations)}
    assert explained[ben]["calls"] == explained[ben]["colleagues_calls"] == 3
    assert (explained[ben]["points"], explained[ben]["points_said"]) == (6, 4)
    assert (explained[ben]["colleagues_points"], explained[ben]["colleagues_points_said"]) == (6, 6)
    assert explained[dan]["colleagues_calls"] == 0


def test_words_that_an_agent_uses_more_and_less_are_found_with_an_example(store, read):
    promise = replace(PARTLY, said={"agent": ["退费保证到账"], "customer": []})
    ids = store(
        DAY,
        [*[promise] * 40, *[FULL] * 80],
        words=[*[("保证", "退费")] * 40, *[("工作日", "退费")] * 80],
    )
    told = {(row["agent_key"], row["term"]): row for row in read(tables.policy_words)}
    ann, ben = 1, 2
    assert set(told) == {(ben, "保证"), (ben, "工作日"), (ann, "保证"), (ann, "工作日")}
    more = told[ben, "保证"]
    assert (more["calls"], more["calls_with"]) == (40, 40)
    assert (more["colleagues_calls"], more["colleagues_calls_with"]) == (80, 0)
    # Prior of 50 calls at 40 of 120: (40 + 50/3) / (0 + 100/3) by (0 + 50/3) / (80 + 100/3).
    assert more["odds_ratio"] == pytest.approx((170 / 3) / (100 / 3) * (340 / 3) / (50 / 3), 1e-3)
    assert more["z"] > 0
    assert more["example_recording_id"] == ids[39]
    assert more["example_s"] == pytest.approx(0.4)
    less = told[ben, "工作日"]
    assert less["z"] < 0
    assert less["example_recording_id"] == ids[119]  # a colleague says it


def test_few_calls_tell_no_words(store, read):
    store(DAY, [*[PARTLY] * 29, *[FULL] * 29], words=[*[("保证",)] * 29, *[("工作日",)] * 29])
    assert read(tables.policy_words) == []
