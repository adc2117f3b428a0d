"""What topics and words of a day cost: the stage, and each mart with the days that it reads.

    python -m benchmarks.speed.topics [--calls 1000 10000]

prints a Markdown table for benchmarks/RESULTS.md. Simulated rows on SQLite: calls of 2 channels and
30 segments, a segment of 2 to 12 words of jieba's dictionary by frequency, a third of them from 40
words of the trade; 10 queues, 150 agents, 15 % of the calls unhappy. The day's transcripts are
searched for the shipped topics and counted through the stage contract; the 27 days before it, and
the topics of 56, are copies of what that day became. Each figure is a process of its own: seconds
of processor time, and its memory beyond that of one which only opened the warehouse.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR, date_key, shift_day
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.marts import keyword_daily, terms_contrast, topic_daily, topic_spikes
from callqa_assets.marts.mart import Mart, MartContext
from callqa_assets.stages.contract import run_stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.stages.topics import STAGE
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.mart_days import replace_rows
from resources.storage.home import REPO, Home
from tests.support.written_calls import with_defaults

DAY = "2025-03-14"
SEGMENTS, QUEUES, AGENTS, UNHAPPY = 30, 10, 150, 0.15
TRADE = """
订单 账户 余额 套餐 办理 查询 投诉 退款 退费 快递 发货 信用卡 还款 利率 开户 密码 短信 验证码
网点 理财 产品 保险 续费 会员 优惠 活动 帮您 稍等 不好意思 感谢 来电 没有 问题 什么 怎么 可以
今天 昨天 已经 我们
"""
MARTS = (keyword_daily.MART, topic_daily.MART, topic_spikes.MART, terms_contrast.MART)


def write_texts(rng: np.random.Generator, count: int) -> list[str]:
    """Sentences of words by their frequency in jieba's dictionary."""
    import jieba  # pyright: ignore[reportMissingTypeStubs]

    with jieba.get_dict_file() as stream:
        entries = [line.decode().split() for line in stream]
    known = [(word, int(n)) for word, n, *_ in entries if len(word) <= 4 and int(n) >= 20]
    words = np.array([word for word, _ in known], object)
    frequencies = np.array([n for _, n in known], np.float64) ** 0.9
    lengths = rng.integers(2, 13, count)
    drawn = rng.choice(words, int(lengths.sum()), p=frequencies / frequencies.sum())
    of_trade = rng.random(len(drawn)) < 0.35
    drawn[of_trade] = rng.choice(np.array(TRADE.split(), object), int(of_trade.sum()))
    ends = np.cumsum(lengths)
    return ["".join(drawn[end - n : end]) for n, end in zip(lengths, ends, strict=True)]


def fill(warehouse: Warehouse, calls: int) -> None:
    """The day's calls as the stages before leave them, and their rows in `fact_call`."""
    rng = np.random.default_rng(7)
    texts = iter(write_texts(rng, calls * SEGMENTS))
    with warehouse.write() as connection:
        for first in range(0, calls, 500):
            rows: dict[sa.Table, list[dict[str, Any]]] = {}
            for number in range(first, min(first + 500, calls)):
                for table, values in _call_rows(rng, number, texts):
                    rows.setdefault(table, []).append(with_defaults(table, values))
            for table, own in rows.items():
                connection.execute(sa.insert(table), own)


def _call_rows(
    rng: np.random.Generator, number: int, texts: Iterator[str]
) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    queue, agent = int(rng.integers(QUEUES)) + 1, int(rng.integers(AGENTS)) + 1
    recording_id = f"{number:032d}"
    common = {"recording_id": recording_id, "day": DAY}
    yield (
        tables.recordings,
        {
            **common,
            "content_sha256": recording_id,
            "channel_roles": ["agent", "customer"],
            "duration_s": 180.0,
            "status": "ok",
            "queue": f"queue {queue}",
        },
    )
    for stage in ("segments", "transcripts"):
        made = {"stage": stage, "status": "ok", "fingerprint": "f", "output_version": "v"}
        yield tables.stage_runs, {**common, **made}
    for n in range(SEGMENTS):
        text = next(texts)
        segment = {
            **common,
            "channel": n % 2,
            "segment_no": n // 2,
            "role": ("agent", "customer")[n % 2],
            "start_s": 6.0 * n,
            "end_s": 6.0 * n + 5,
        }
        yield tables.segments, {**segment, "kind": "speech"}
        said = {"text": text, "text_raw": text, "language": "zh", "words": [], "alignment": []}
        yield tables.transcripts, {**segment, **said}
    yield (
        tables.fact_call,
        {
            "date_key": date_key(DAY),
            "call_key": number + 1,
            "call_day": datetime.fromisoformat(DAY),
            "recording_id": recording_id,
            "queue_key": queue,
            "agent_key": agent,
            "is_unhappy": bool(rng.random() < UNHAPPY),
        },
    )


def copy_days(warehouse: Warehouse) -> None:
    """The day's words and topics as those of days before it."""
    with warehouse.write() as connection:
        for back in range(1, topic_spikes.MART.days_before + 1):
            day = shift_day(DAY, -back)
            key = {"date_key": sa.literal(date_key(day))}
            _copy(connection, tables.topic_daily, key)
            if back < terms_contrast.WINDOW_DAYS:
                own = {"recording_id": sa.literal(f"{back:02d}")}
                dated = {**own, "day": sa.literal(day, tables.Day())}
                content = {"content_sha256": sa.literal(f"{back:02d}")}
                _copy(connection, tables.recordings, {**dated, **content})
                _copy(connection, tables.call_terms, dated)
                _copy(connection, tables.fact_call, {**own, **key})


def _copy(
    connection: sa.Connection, table: sa.Table, changed: Mapping[str, sa.ColumnElement[Any]]
) -> None:
    """The day's rows again, with other values: of texts, other first characters."""
    values = [
        changed[column.name] + sa.func.substr(column, 3)
        if column.name in ("recording_id", "content_sha256") and column.name in changed
        else changed.get(column.name, column)
        for column in table.columns
    ]
    of_day = table.c.date_key == date_key(DAY) if "date_key" in table.c else table.c.day == DAY
    connection.execute(
        sa.insert(table).from_select(list(table.columns.keys()), sa.select(*values).where(of_day))
    )


def run_topics(root: Path, warehouse: Warehouse) -> None:
    context = StageContext(
        home=Home.open(root),
        warehouse=warehouse,
        configs=REPO / "configs",
        open_models=_not_needed,
        read_hotwords=HotwordLists,
        read_rules=_not_needed,
        open_outbox=_not_needed,
    )
    run_stage(warehouse, STAGE.build(context), DAY, run_id="run")


def _not_needed() -> Any:
    raise AssertionError("the stage asks for what it does not need")


def run_mart(mart: Mart, warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        context = MartContext(connection, DEFAULT_CALENDAR, REPO / "configs", today="2025-06-01")
        for table, rows in mart.compute(context, DAY).items():
            replace_rows(connection, table, DAY, rows)


def measure(root: Path, work: Callable[[Warehouse], None]) -> tuple[float, float]:
    """Seconds of processor time and MB of a process that does the work."""
    answers: Any = multiprocessing.SimpleQueue()

    def run() -> None:
        warehouse = Warehouse(f"sqlite:///{root / 'callqa.db'}")
        before, started = _peak_mb(), time.process_time()
        work(warehouse)
        answers.put((time.process_time() - started, _peak_mb() - before))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError("the measured process failed")
    return answers.get()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def count_rows(root: Path, table: sa.Table) -> int:
    with Warehouse(f"sqlite:///{root / 'callqa.db'}").read() as connection:
        key = table.c.date_key == date_key(DAY) if "date_key" in table.c else table.c.day == DAY
        return connection.execute(
            sa.select(sa.func.count()).select_from(table).where(key)
        ).scalar_one()


def rows(calls: int, folder: Path) -> Iterator[str]:
    root = folder / str(calls)
    root.mkdir()

    def prepare(warehouse: Warehouse) -> None:
        warehouse.migrate()
        fill(warehouse, calls)

    def line(name: str, table: sa.Table, figures: tuple[float, float]) -> str:
        seconds, megabytes = figures
        stored = count_rows(root, table)
        return f"| {calls:,} | {name} | {seconds:.1f} | {megabytes:.0f} | {stored:,} |"

    measure(root, prepare)
    yield line("stage `topics`", tables.call_terms, measure(root, lambda w: run_topics(root, w)))
    measure(root, lambda warehouse: run_mart(topic_daily.MART, warehouse))
    measure(root, copy_days)
    for mart in MARTS:
        figures = measure(root, lambda warehouse, mart=mart: run_mart(mart, warehouse))
        yield line(f"mart `{mart.name}`", mart.tables[0], figures)
    shutil.rmtree(root)


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 10_000])
    print("| calls a day | what | CPU s | MB | rows of the day |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for calls in parser.parse_args().calls:
            for row in rows(calls, Path(folder)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
