"""The full text search against a scan: how fast, how large, and whether it finds the same.

    tests/support/with_postgres.sh python -m benchmarks.speed.search [--segments N] [--parts N]

prints Markdown tables for benchmarks/RESULTS.md. Synthetic segments (seeded; words of jieba's
dictionary by their frequency, every third one of a contact centre's, amounts, phone numbers,
English, planted phrases; 30,000 a day) are indexed as the transcripts stage does it, a day at a
time. Eleven kinds of query are timed, and they and random parts of 1 to 8 characters are compared,
number by number, with a scan of all texts in Python.
PostgreSQL is measured where `CALLQA_TEST_POSTGRES_URL` names one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import jieba
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from callqa_assets.domain.text.bigrams import normalise
from callqa_assets.warehouse import search
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import Day, UtcDateTime, recordings, transcript_search

SEED = 9
PER_DAY, PER_CALL = 30_000, 30
LARGE_DAY = 300_000
FIRST_DAY = date(2025, 1, 1)
REPEATS = 5
NEWEST = 20
QUERIES = (
    *("退费", "流程", "开户流程", "身份证号码", "逆冬花", "iPhone", "158.5元", "13800138000"),
    *("8000", "投诉", "费"),
)
PLANTED = {
    "退费": 3e-3,
    "开户流程": 2e-4,
    "逆冬花": 2e-5,
    "iPhone": 5e-4,
    "158.5元": 1e-4,
    "13800138000": 1e-6,
    "身份证号码": 5e-4,
    "投诉": 5e-2,
    "退费，": 2e-4,
}
"""Phrases and the share of segments into which they are put."""
TRADE = (
    *("您好", "请问", "客服", "订单", "账户", "余额", "套餐", "办理", "查询"),
    *("投诉", "退款", "快递", "发货", "信用卡", "还款", "利率", "开户", "密码"),
    *("短信", "验证码", "网点", "理财", "产品", "保险", "续费", "会员", "优惠"),
    *("活动", "帮您", "稍等", "不好意思", "感谢", "来电", "没有", "问题", "什么"),
    *("怎么", "可以", "今天", "昨天", "已经", "还是", "我们", "你们", "这个"),
    *("那个"),
)
"""Words of a contact centre, and their share of all words."""
TRADE_SHARE = 0.35
ENGLISH = ("VIP", "APP", "ok", "order", "online", "WiFi", "SIM卡", "ATM", "hello world")


def make_texts(count: int, rng: np.random.Generator) -> list[str]:
    """Segments of 2 to 12 words, some 20 characters each."""
    words, share = _read_words()
    sizes = rng.integers(2, 13, count)
    total = int(sizes.sum())
    any_word = rng.choice(len(words), total, p=share)
    trade = rng.integers(0, len(TRADE), total)
    is_trade = rng.random(total) < TRADE_SHARE
    chosen = (
        TRADE[of_trade] if own else words[of_all]
        for own, of_trade, of_all in zip(
            is_trade.tolist(), trade.tolist(), any_word.tolist(), strict=True
        )
    )
    dice, numbers = rng.random((count, 3 + len(PLANTED))), rng.integers(0, 2**31, count)
    texts: list[str] = []
    for size, (amount, phone, english, *plant), number in zip(
        sizes.tolist(), dice.tolist(), numbers.tolist(), strict=True
    ):
        said = [next(chosen) for _ in range(size)]
        middle = size // 2
        if amount < 0.05:
            said.insert(middle, f"{number % 5_000}{'.5' if number % 3 else ''}元")
        if phone < 0.01:
            said.insert(middle, f"1{30 + number % 69}{10**7 + number % (9 * 10**7)}")
        if english < 0.02:
            said.insert(middle, ENGLISH[number % len(ENGLISH)])
        for phrase, drawn in zip(PLANTED, plant, strict=True):
            if drawn < PLANTED[phrase]:
                said.insert(number % (size + 1), phrase)
        if size > 5:
            said.insert(middle, "，")
        texts.append("".join(said) + "。")
    return texts


def _read_words() -> tuple[list[str], NDArray[np.float64]]:
    """Words of up to four Han characters in jieba's dictionary, and how often each is drawn."""
    words: list[str] = []
    counts: list[int] = []
    with jieba.get_dict_file() as file:
        for line in file:
            word, count, _ = line.decode("utf-8").split(" ")
            if int(count) >= 20 and len(word) <= 4 and all("一" <= c <= "鿿" for c in word):
                words.append(word)
                counts.append(int(count))
    share = np.array(counts, float) ** 0.9
    return words, share / share.sum()


class Scan:
    """All normalised texts in one line each, and which of them hold a part."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.lines = [normalise(text) for text in texts]
        self.all = "\n".join(self.lines)
        lengths = np.fromiter(map(len, self.lines), np.int64, len(self.lines))
        self.ends = np.cumsum(lengths + 1)

    def find(self, part: str) -> NDArray[np.int64]:
        """Numbers of the texts that hold a normalised part, ascending."""
        at, places = self.all.find(part), []
        while at >= 0:
            places.append(at)
            at = self.all.find(part, at + 1)
        return np.unique(np.searchsorted(self.ends, np.array(places, np.int64), "right"))

    def draw_parts(self, count: int, rng: np.random.Generator) -> Iterator[str]:
        """Random parts of 1 to 8 characters of random texts, as a query would be normalised."""
        while count:
            line = self.lines[rng.integers(len(self.lines))]
            start = int(rng.integers(len(line)))
            part = normalise(line[start : start + int(rng.integers(1, 9))])
            if part and part in line:
                count -= 1
                yield part


def fill(warehouse: Warehouse, texts: Sequence[str], first_day: date, per_day: int) -> float:
    """Index the texts, a day in one transaction; returns the seconds of the indexing alone."""
    seconds = 0.0
    for number, start in enumerate(range(0, len(texts), per_day)):
        day = (first_day + timedelta(number)).isoformat()
        own = texts[start : start + per_day]
        calls = {
            f"{day}-{n:08d}": [(0, m, text) for m, text in enumerate(own[n : n + PER_CALL])]
            for n in range(0, len(own), PER_CALL)
        }
        with warehouse.write() as connection:
            connection.execute(sa.insert(recordings), [_recording(i, day) for i in calls])
            begun = time.perf_counter()
            search.index_transcripts(connection, dict.fromkeys(calls, day), calls)
            seconds += time.perf_counter() - begun
    return seconds


def _recording(recording_id: str, day: str) -> dict[str, Any]:
    """A recording of which only the id and the day matter."""
    plain: dict[type, Any] = {int: 1, float: 1.0, bool: False}

    def value(column: sa.Column[Any]) -> Any:
        if isinstance(column.type, sa.JSON):
            return []
        if isinstance(column.type, sa.String):
            return recording_id[: column.type.length]
        if isinstance(column.type, UtcDateTime):
            return datetime(2025, 1, 1, tzinfo=UTC)
        return day if isinstance(column.type, Day) else plain[column.type.python_type]

    needed = {column.name: value(column) for column in recordings.columns if not column.nullable}
    return {**needed, "status": "ok"}


class Size(NamedTuple):
    """Megabytes of what only the search needs."""

    index_mb: float
    """The FTS5 table; the `tsvector` column and its GIN index."""
    all_mb: float
    """With `transcript_search`, its keys and its texts."""


def measure_size(warehouse: Warehouse) -> Size:
    """Size of the index in the database, which stays as it is."""
    with warehouse.engine.connect() as connection:
        if warehouse.is_sqlite:
            freed = []
            for table in ("transcript_fts", "transcript_search"):
                connection.execute(sa.text(f"DROP TABLE {table}"))
                pages = connection.execute(sa.text("PRAGMA freelist_count")).scalar_one()
                freed.append(pages * 4096 / 1e6)
            connection.rollback()
            return Size(*freed)
        index, column, everything = connection.execute(
            sa.text(
                "SELECT pg_relation_size('ix_transcript_search_grams'), "
                "(SELECT sum(pg_column_size(grams)) FROM transcript_search), "
                "pg_total_relation_size('transcript_search')"
            )
        ).one()
        return Size((index + int(column)) / 1e6, everything / 1e6)


def time_ms(work: Callable[[], Any]) -> float:
    """Median of several runs."""
    took: list[float] = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return sorted(took)[REPEATS // 2] * 1e3


def measure(url: str, texts: Sequence[str], scan: Scan, parts: Sequence[str]) -> None:
    """Print the tables of one engine."""
    warehouse = Warehouse(url)
    warehouse.migrate()
    seconds = fill(warehouse, texts, FIRST_DAY, PER_DAY)
    if not warehouse.is_sqlite:
        with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
            own.execute(sa.text("VACUUM ANALYZE transcript_search"))
    size = measure_size(warehouse)
    print(f"\n### {warehouse.engine.dialect.name}, {len(texts):,} segments\n")
    print(
        f"Indexed in {seconds:.0f} s; index {size.index_mb:.0f} MB, with the table of entries "
        f"{size.all_mb:.0f} MB.\n"
    )
    print("| query | hits | all ids, ms | newest 20 ids, ms | equals the scan |")
    print("|-|-|-|-|-|")
    with warehouse.read() as connection:
        entry = transcript_search.c.search_id
        ids = np.array(connection.execute(sa.select(entry).order_by(entry)).scalars().all())

        def equals(part: str) -> bool:
            found = np.sort(np.array(search.find_ids(connection, part), np.int64))
            return np.array_equal(found, ids[scan.find(part)])

        for query in map(normalise, QUERIES):
            hits = len(search.find_ids(connection, query))
            every = time_ms(lambda q=query: search.find_ids(connection, q))
            newest = time_ms(lambda q=query: search.find_ids(connection, q, newest=NEWEST))
            verdict = "yes" if equals(query) else "NO"
            print(f"| {query} | {hits:,} | {every:.2f} | {newest:.2f} | {verdict} |", flush=True)
        wrong = 0
        for number, part in enumerate(parts, 1):
            wrong += not equals(part)
            if number % 500 == 0:
                print(f"{number} parts, {wrong} differ", file=sys.stderr, flush=True)
    print(f"\nOf {len(parts):,} random parts {wrong} differ from the scan.", flush=True)
    large = make_texts(LARGE_DAY, np.random.default_rng(SEED + 1))
    seconds = fill(warehouse, large, FIRST_DAY + timedelta(3_000), LARGE_DAY)
    print(f"A further day of {LARGE_DAY:,} segments is indexed in {seconds:.1f} s.", flush=True)
    warehouse.engine.dispose()


def main() -> None:
    """Measure SQLite, and PostgreSQL where there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    texts = make_texts(arguments.segments, np.random.default_rng(SEED))
    scan = Scan(texts)
    parts = list(scan.draw_parts(arguments.parts, np.random.default_rng(SEED + 2)))
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in arguments.engines:
            measure(f"sqlite:///{Path(folder) / 'search.db'}", texts, scan, parts)
    server = os.environ.get("CALLQA_TEST_POSTGRES_URL")
    if server and "postgresql" in arguments.engines:
        name = f"callqa_{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(server)
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema(name))
        url = engine.url.update_query_dict({"options": f"-csearch_path={name}"})
        try:
            measure(url.render_as_string(hide_password=False), texts, scan, parts)
        finally:
            with engine.begin() as connection:
                connection.execute(sa.schema.DropSchema(name, cascade=True))


if __name__ == "__main__":
    main()
