"""What is said of topics on days with a known past, and that nothing told is un-said."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR, date_key, shift_day
from callqa_assets.marts import topic_spikes
from callqa_assets.marts.mart import MartContext
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.mart_days import replace_rows
from resources.storage.home import REPO
from tests.support.snapshot import read_rows
from tests.support.written_calls import with_defaults

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


@pytest.fixture
def write(warehouse):
    """Store a topic's calls of one day in one queue, of 1,000 calls."""

    def run(day, calls, *, topic="退费", queue=1, recogniser="r", definition="d", calls_all=1_000):
        row = {
            "date_key": date_key(day),
            "queue_key": queue,
            "topic": topic,
            "calls": calls,
            "calls_all": calls_all,
            "recogniser": recogniser,
            "definition": definition,
        }
        with warehouse.write() as connection:
            key = [tables.topic_daily.c[n] == row[n] for n in ("date_key", "queue_key", "topic")]
            connection.execute(sa.delete(tables.topic_daily).where(*key))
            values = with_defaults(tables.topic_daily, row)
            connection.execute(sa.insert(tables.topic_daily).values(values))

    return run


@pytest.fixture
def write_past(write):
    def run(days=56, calls=20, **options):
        for n in range(1, days + 1):
            write(shift_day(DAY, -n), calls, **options)

    return run


@pytest.fixture
def publish(warehouse):
    """Compute the day, as it is published; returns its rows by topic and state."""

    def run(day=DAY):
        with warehouse.write() as connection:
            context = MartContext(
                connection, DEFAULT_CALENDAR, REPO / "configs", today="2025-06-01"
            )
            rows = topic_spikes.compute(context, day)[tables.topic_spikes]
            replace_rows(connection, tables.topic_spikes, day, rows)
        return {(r["topic"], r["state"]): r for r in read_rows(warehouse, tables.topic_spikes)}

    return run


def test_a_day_with_three_times_the_calls_is_a_spike_with_what_was_expected(
    write, write_past, publish
):
    write_past()
    write(DAY, 60)
    ((key, row),) = publish().items()
    assert key == ("退费", "spike")
    assert (row["calls"], row["calls_all"], row["days"]) == (60, 1_000, 56)
    assert row["expected"] == pytest.approx(20, rel=0.01)
    assert row["ratio"] == pytest.approx(3, rel=0.01)
    assert row["p_value"] == row["q_value"] < 1e-6


def test_expectations_follow_the_number_of_calls(write, write_past, publish):
    write_past()
    write(DAY, 60, calls_all=3_000)
    ((key, row),) = publish().items()
    assert key == ("退费", "usual")
    assert row["expected"] == pytest.approx(60, rel=0.01)


def test_a_short_past_says_nothing_and_a_topic_never_heard_before_is_new(
    write, write_past, publish
):
    write_past(27)
    write_past(28, 0, topic="新产品")
    write(DAY, 60)
    write(DAY, 20, topic="新产品")
    rows = publish()
    assert set(rows) == {("退费", "too_young"), ("新产品", "new")}
    assert rows["退费", "too_young"]["expected"] is None
    assert rows["新产品", "new"]["expected"] < 1


@pytest.mark.parametrize("changed", [{"recogniser": "r2"}, {"definition": "d2"}])
def test_another_recogniser_or_other_phrases_start_the_comparison_again(
    write, write_past, publish, changed
):
    write_past()
    write(DAY, 60, **changed)
    assert set(publish()) == {("退费", "too_young")}
    for n in range(1, 29):  # the days are transcribed again
        write(shift_day(DAY, -n), 20, **changed)
    ((key, row),) = publish().items()
    assert (key, row["days"]) == (("退费", "spike"), 28)


def test_a_small_queue_with_new_hotwords_does_not_stop_the_comparison(write, write_past, publish):
    write_past()
    write_past(queue=2, calls=0, calls_all=50)
    write(DAY, 60)
    write(DAY, 0, queue=2, calls_all=50, recogniser="r2")
    assert set(publish()) == {("退费", "spike")}


def test_a_spike_of_fewer_than_three_known_agents_is_not_told(
    write, write_past, publish, warehouse
):
    write_past()
    write(DAY, 60)
    for agents, state in ((2, "usual"), (3, "spike")):
        with warehouse.write() as connection:
            for table in (tables.topic_hits, tables.fact_call, tables.recordings):
                connection.execute(sa.delete(table))
            for n in range(agents):
                _write_hit(connection, f"call {n}", agent_key=n + 1)
        ((key, row),) = publish().items()
        assert (key[1], row["agents"]) == (state, agents)


def _write_hit(connection, recording_id, agent_key):
    common = {"recording_id": recording_id, "day": DAY, "status": "ok", "topic": "退费"}
    call = {"date_key": date_key(DAY), "call_key": agent_key, "agent_key": agent_key}
    values = {**common, **call, "content_sha256": recording_id}
    for table in (tables.recordings, tables.topic_hits, tables.fact_call):
        connection.execute(sa.insert(table).values(with_defaults(table, values)))


def test_what_was_told_stays_when_a_late_file_takes_it_away_and_comes_back(
    write, write_past, publish
):
    write_past()
    write(DAY, 60)
    told = publish()["退费", "spike"]
    write(DAY, 22)
    rows = publish()
    assert set(rows) == {("退费", "usual"), ("退费", "spike")}
    superseded = rows["退费", "spike"]
    assert {**superseded, "superseded_at": None} == told
    assert superseded["superseded_at"] is not None
    assert publish()["退费", "spike"] == superseded  # not superseded again
    write(DAY, 61)
    ((key, row),) = publish().items()
    assert (key, row["calls"], row["superseded_at"]) == (("退费", "spike"), 61, None)


def test_a_holiday_is_compared_with_sundays(write, publish):
    """1 May 2025, a Thursday and a holiday: nobody works, and few call about refunds."""
    holiday = "2025-05-01"
    for n in range(1, 57):
        day = shift_day(holiday, -n)
        write(day, 5 if date.fromisoformat(day).weekday() == 6 else 20)
    write(holiday, 20)
    ((key, row),) = publish(holiday).items()
    assert key == ("退费", "spike")
    assert row["expected"] < 10  # on a Thursday: 20
