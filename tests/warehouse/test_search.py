"""The index finds what a scan of the transcripts finds, and follows them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from callqa_assets.domain.text.bigrams import normalise
from callqa_assets.warehouse import search, tables
from callqa_assets.warehouse.invariants import find_violations
from callqa_assets.warehouse.recordings import update_metadata
from callqa_assets.warehouse.search import SearchError, SearchFilter
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

pytestmark = pytest.mark.both_engines

DAY, NEXT = "2025-03-14", "2025-03-15"
WORDS = (
    *("我们", "你们", "这个", "那个", "可以", "退费", "退款", "流程", "开户流程", "信用卡", "还款"),
    *("费用", "利率", "理财", "158.5元", "13800138000", "iPhone", "APP", "hello", "WiFi", "SIM卡"),
    *("ok", "2025年3月", "。", "，", "！", "？", " "),
)


@pytest.fixture
def ids(home, warehouse, rules: Path) -> list[str]:
    """Two calls of one day and one of the next, transcribed."""
    for seed, day in enumerate((DAY, DAY, NEXT)):
        write_call(home.drop, day, f"10{seed}", seed=seed)
    DirectRun(home, warehouse, rules).run(FakeModels())
    with warehouse.read() as connection:
        query = sa.select(tables.recordings.c.recording_id).order_by(
            tables.recordings.c.day, tables.recordings.c.recording_id
        )
        return list(connection.execute(query).scalars())


def index(warehouse, texts: dict[str, list[str]], days: dict[str, str]) -> None:
    with warehouse.write() as connection:
        rows = {i: [(0, n, text) for n, text in enumerate(own)] for i, own in texts.items()}
        search.index_transcripts(connection, days, rows)


def find(warehouse, text: str, limit: int = 20, **chosen) -> list[tuple[str, int]]:
    with warehouse.read() as connection:
        found = search.find(connection, text, SearchFilter(**chosen), limit=limit)
        assert found.total_segments >= sum(call.hits for call in found.calls)
        return [(call.recording_id, call.hits) for call in found.calls]


def test_transcripts_are_found_with_the_transaction_that_writes_them(warehouse, ids):
    with warehouse.read() as connection:
        text = connection.scalar(
            sa.select(tables.transcripts.c.text).where(
                tables.transcripts.c.recording_id == ids[0], tables.transcripts.c.text != ""
            )
        )
        assert find_violations(connection, DAY) == {}
        assert search.find_index_fault(connection) is None
    assert ids[0] in dict(find(warehouse, text))


def test_the_index_equals_a_scan_on_random_parts_of_random_texts(warehouse, ids):
    random = Random(7)  # noqa: S311 - test data
    texts = ["".join(random.choices(WORDS, k=random.randint(1, 12))) for _ in range(3_000)]
    index(warehouse, {ids[0]: texts}, {ids[0]: DAY})
    normalised = [normalise(text) for text in texts]
    with warehouse.read() as connection:
        entry = tables.transcript_search.c
        query = sa.select(entry.search_id, entry.segment_no).where(entry.recording_id == ids[0])
        numbers = {row.search_id: row.segment_no for row in connection.execute(query)}
        for _ in range(400):
            text = random.choice([text for text in normalised if text])
            start = random.randrange(len(text))
            query = text[start : start + random.randint(1, 8)].strip()
            if normalise(query) != query or not query:
                continue
            found = sorted(numbers[i] for i in search.find_ids(connection, query) if i in numbers)
            assert found == [n for n, text in enumerate(normalised) if query in text], query


@pytest.mark.parametrize(
    ("text", "query", "is_found"),
    [
        ("帮我退费用。", "退费", True),
        ("我要退费，流程是什么？", "退费流程", True),
        ("一共158.5元。", "158.5", True),
        ("一共158.5元。", "1585", False),
        ("电话13800138000。", "8000", True),
        ("用iPhone打的", "IPHONE", True),
        ("用iPhone打的", "phon", True),
        ("hello world", "lo wo", True),
        ("world hello", "lo wo", False),
        ("费", "费", True),
        ("退费", "费", True),
        ("退费", "费退", False),
        ("it's 100% free", "100 free", True),
        ("他说：好", "说好", True),
    ],
)
def test_kinds_of_query(warehouse, ids, text, query, is_found):
    index(warehouse, {ids[0]: [text]}, {ids[0]: DAY})
    assert (ids[0] in dict(find(warehouse, query))) is is_found


def test_calls_that_say_it_most_come_first_then_the_newest(warehouse, ids):
    said = {ids[0]: ["退费", "退费"], ids[1]: ["退费"], ids[2]: ["退费吗"]}
    days = {ids[0]: DAY, ids[1]: DAY, ids[2]: NEXT}
    index(warehouse, said, days)
    assert find(warehouse, "退费") == [(ids[0], 2), (ids[2], 1), (ids[1], 1)]
    assert find(warehouse, "退费", limit=1) == [(ids[0], 2)]
    assert find(warehouse, "退费", first_day=NEXT) == [(ids[2], 1)]
    assert find(warehouse, "退费", last_day=DAY) == [(ids[0], 2), (ids[1], 1)]
    assert find(warehouse, "退费", queue="no such queue") == []
    with warehouse.read() as connection:
        assert search.find_newest_day(connection) == NEXT


def test_text_that_is_transcribed_again_is_no_longer_found(warehouse, ids):
    index(warehouse, {ids[0]: ["退费", "您好"]}, {ids[0]: DAY})
    index(warehouse, {ids[0]: ["退款"]}, {ids[0]: DAY})
    assert find(warehouse, "退费") == []
    assert find(warehouse, "退款") == [(ids[0], 1)]
    with warehouse.read() as connection:
        assert search.find_index_fault(connection) is None


def test_a_recording_that_changes_its_day_is_found_on_the_new_one(warehouse, ids):
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.transcripts)
            .where(tables.transcripts.c.recording_id == ids[0])
            .values(text="退费")
        )
        update_metadata(connection, ids[0], NEXT, {"queue": "loans"})
    assert find(warehouse, "退费", last_day=DAY) == []
    assert [i for i, _ in find(warehouse, "退费", first_day=NEXT)] == [ids[0]]
    assert [i for i, _ in find(warehouse, "退费", queue="loans")] == [ids[0]]


def test_a_lost_entry_is_noticed_and_a_rebuilt_index_is_whole(warehouse, ids):
    with warehouse.write() as connection:
        search._delete(connection, [ids[0]])
    with warehouse.read() as connection:
        assert find_violations(connection, DAY) == {"every_text_is_searchable": [ids[0]]}
    with warehouse.write() as connection:
        assert search.rebuild(connection) > 0
    with warehouse.read() as connection:
        assert find_violations(connection, DAY) == {}
        assert search.find_index_fault(connection) is None


def test_an_index_of_another_version_is_refused_with_the_cure(warehouse, ids):
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.search_index).values(version=0))
    with pytest.raises(SearchError, match="callqa search rebuild"):
        find(warehouse, "退费")


def test_nothing_to_search_for_is_an_error(warehouse, ids):
    with pytest.raises(SearchError, match="no letter or digit"):
        find(warehouse, "。，")


def test_an_entry_that_is_not_of_its_text_is_noticed(warehouse, ids):
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.transcripts)
            .where(tables.transcripts.c.recording_id == ids[1])
            .values(text="退费")
        )
    with warehouse.read() as connection:
        assert find_violations(connection, DAY) == {"every_text_is_searchable": [ids[1]]}


def test_numbers_of_a_day_never_become_the_next_day_s(warehouse, ids, monkeypatch):
    monkeypatch.setattr(search, "_PER_DAY", 10)
    with warehouse.write() as connection:
        search._delete(connection, ids)
    days = dict.fromkeys(ids, DAY)
    for text in ("一", "二", "三", "四"):  # more numbers than a day has, were none used again
        index(warehouse, {ids[0]: [text] * 3}, days)
        index(warehouse, {ids[1]: [text] * 3}, days)
    with warehouse.read() as connection:
        entry = tables.transcript_search.c.search_id
        numbers = list(connection.execute(sa.select(entry)).scalars())
    first = search._first_of(DAY)
    assert len(numbers) == 6
    assert all(first <= number < first + 10 for number in numbers)
    assert dict(find(warehouse, "四")) == {ids[0]: 3, ids[1]: 3}
    assert find(warehouse, "三") == []


READERS_WORDS = (
    *("退费", "退费，流程", "费", "158.5 元", "1585", "ＩＰＨＯＮＥ", "phon", "hello world"),
    *("lo wo", "a b", "it's", "'; DROP", "\\", "100% free", "好。说", "第3.句", "，", "", "ﾊﾞｽ"),
)


def test_sql_of_a_reader_finds_what_the_program_finds(warehouse, ids):
    texts = ["我要退费,流程", "一共158.5元", "用iPhone打的", "hello world", "it's 100% free", "a b"]
    texts += ["他说：好。说吧", "第3.句", "坐ﾊﾞｽ", "c drop"]
    index(warehouse, {ids[0]: texts}, {ids[0]: DAY})
    with warehouse.read() as connection:
        if warehouse.is_sqlite:  # which has no functions: two characters are a token as they are
            found = connection.exec_driver_sql(
                "SELECT rowid FROM transcript_fts WHERE transcript_fts MATCH '退费'"
            )
            assert list(found.scalars()) == search.find_ids(connection, "退费")
            return
        for words in READERS_WORDS:
            query = sa.text("SELECT search_id FROM callqa_search(:words)")
            found = sorted(connection.execute(query, {"words": words}).scalars())
            wanted = normalise(words)
            assert connection.scalar(
                sa.text("SELECT callqa_search_text(:words)"), {"words": words}
            ) == (wanted)
            assert found == sorted(search.find_ids(connection, wanted) if wanted else []), words
