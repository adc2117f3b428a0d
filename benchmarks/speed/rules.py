"""What a changed rules file costs: rules evaluated again on stored calls, with every write.

    python -m benchmarks.speed.rules [--calls 1000 10000 50000]

prints a Markdown table for benchmarks/RESULTS.md. Each number of calls is a fresh home in a process
of its own, filled with synthetic calls of 3 minutes (two channels, 25 segments each with words and
times, 2,000 calls per day) as the earlier stages would leave them. A first set of 20 rules of every
kind has fired; then a second one is evaluated through the stage contract, which is timed: claims,
lake, warehouse, rules, alerts with evidence, all of it committed.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from benchmarks.support.fresh_home import make_home
from benchmarks.support.fresh_process import run_in_fresh_process
from callqa_assets.warehouse.tables import recordings, segments, stage_runs, transcripts

if TYPE_CHECKING:
    from callqa_assets.warehouse.database import Warehouse
    from resources.storage.home import Home
    from resources.storage.lake import EmotionLake

FILLED = (recordings, segments, transcripts, stage_runs)

CALL_S = 180.0
CALLS_PER_DAY = 2_000
CALLS_PER_FILE = 3
"""Ten minutes of audio: a batch of the emotion stage."""
TURNS = 50
WINDOW_S, HOP_S = 2.0, 0.25
FIRST_DAY = date(2025, 3, 1)

RULES = """
rules:
- {name: anger, emotion: angry, threshold: LEVEL, threshold_off: 0.5, duration_sec: 2,
   role: customer, priority: high, channels: [webhook], inhibits: [low_mood, unease]}
- {name: vip_fear, emotion: fearful, threshold: 0.6, duration_sec: 1, when: {line: vip}}
- {name: low_mood, combination: [sad, neutral], min_sum: 0.97, floors: {sad: 0.3}, duration_sec: 3}
- {name: unease, combination: [fearful, sad, disgusted], min_sum: LEVEL, duration_sec: 2}
- {name: unclear, emotion: other, threshold: 0.5, duration_sec: 2, review: true}
- {name: night_anger, emotion: angry, threshold: 0.6, duration_sec: 1, when: {hour: 22-6}}
- {name: agent_anger, emotion: angry, threshold: LEVEL, duration_sec: 1.5, role: agent}
- {name: surprise, emotion: surprised, threshold: 0.8, duration_sec: 1, max_gap_sec: 0.5}
- {name: disgust, emotion: disgusted, threshold: 0.7, keep_firing_sec: 2, duration_sec: 1}
- {name: happy_end, emotion: happy, threshold: 0.9, duration_sec: 4, enabled: shadow}
- {name: refund, text: {any: [退费, 退款, 退钱, 把钱退]}, role: customer, keep_firing_sec: 60}
- {name: complaint, text: {any: [投诉, {regex: '12315|消(费者)?协(会)?'}]}, role: customer}
- {name: no_greeting, text: {none: [您好, 你好], first_sec: 20}, role: agent, enabled: shadow}
- {name: no_farewell, text: {none: [再见, 拜拜, 祝您], last_sec: 30}, role: agent, enabled: shadow}
- {name: both_words, text: {all: [经理, 录音]}, role: customer}
- {name: long_silence, acoustic: silence, duration_sec: 6}
- {name: talking_over, acoustic: overlap, duration_sec: 2}
- {name: shouting, acoustic: loudness_rise, rise_db: 14, role: customer}
- {name: angry_refund, all: [{emotion: angry, threshold: 0.6, duration_sec: 1},
   {text: {any: [退费, 退款]}}], within_sec: 15, role: customer, priority: high}
- {name: unanswered_anger, any: [{emotion: angry, threshold: LEVEL, duration_sec: 2},
   {acoustic: loudness_rise, rise_db: 16}], not: [{text: {any: [抱歉, 对不起]}, role: agent}],
   within_sec: 20, role: customer}
"""
ORDINARY = (
    "我的账单好像不太对麻烦你看一下",
    "请稍等我帮您查询一下这个号码",
    "好的谢谢你这个月的话费怎么多了二十块",
    "那请问一下什么时候可以恢复",
    "嗯对是的没错",
    "这边显示您上个月开通了一个新的套餐",
)
RARE = (
    "我要退款你们这个套餐没有说清楚",
    "我要投诉你们让经理来接电话",
    "非常抱歉给您带来不便",
    "通话是有录音的请您放心",
)
RARE_SHARE = 0.02


@dataclass(frozen=True)
class Cost:
    calls: int
    wall_s: float
    cpu_s: float
    alerts: int
    base_mib: float
    """Resident before the timed run."""
    peak_mib: float


def fill(home_folder: Path, calls: int) -> list[str]:
    """Synthetic calls as the stages before `alerts` leave them; returns their days.

    The first day is made; the others are its copies under other recording ids.
    """
    from callqa_assets.warehouse.database import open_warehouse
    from resources.storage.home import Home
    from resources.storage.lake import EmotionLake

    assert calls <= CALLS_PER_DAY or calls % CALLS_PER_DAY == 0
    home = Home(home_folder)
    warehouse, lake = open_warehouse(home.database_url), EmotionLake(home)
    days = [str(FIRST_DAY + timedelta(days=n)) for n in range(-(-calls // CALLS_PER_DAY))]
    artifacts = _make_day(warehouse, lake, days[0], min(calls, CALLS_PER_DAY))
    for number, day in enumerate(days[1:], start=1):
        _copy_day(warehouse, home, artifacts, day, f"{number:02x}")
    warehouse.engine.dispose()
    return days


def _make_day(warehouse: Warehouse, lake: EmotionLake, day: str, calls: int) -> list[str]:
    """One day of calls whose ids begin with 00; returns the lake files."""
    rng = np.random.default_rng(4)
    ids = sorted(f"00{rng.bytes(15).hex()}" for _ in range(calls))
    artifacts: list[str] = []
    for start in range(0, calls, CALLS_PER_FILE):
        rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in FILLED}
        turns = {i: list(_turns(rng)) for i in ids[start : start + CALLS_PER_FILE]}
        artifacts.append(lake.write({i: list(_tracks(rng, turns[i])) for i in turns}))
        for recording_id, spoken_turns in turns.items():
            rows[recordings].append(_recording(rng, recording_id, day))
            for key, spoken, text in _spoken(rng, spoken_turns):
                common = {"recording_id": recording_id, "day": day, **key}
                rows[segments].append(common | spoken)
                rows[transcripts].append(common | text)
            for stage in ("segments", "transcripts", "emotions"):
                rows[stage_runs].append(_ledger(recording_id, day, stage, artifacts[-1]))
        with warehouse.write() as connection:
            for table, values in rows.items():
                connection.execute(sa.insert(table), values)
    return artifacts


def _copy_day(
    warehouse: Warehouse, home: Home, artifacts: list[str], day: str, prefix: str
) -> None:
    """Copy the first day, with its ids and files under another prefix."""
    recording_id = pl.lit(prefix) + pl.col("recording_id").str.slice(2)
    for artifact in artifacts:
        source = home.root / artifact
        tracks = pl.read_parquet(source).with_columns(recording_id=recording_id)
        tracks.write_parquet(source.with_name(f"{prefix}{source.name}"))
    with warehouse.write() as connection:
        for table in FILLED:
            own = {
                "day": sa.literal(day, table.c.day.type),
                **{
                    name: prefix + sa.func.substr(table.c[name], 3)
                    for name in ("recording_id", "content_sha256")
                    if name in table.c
                },
            }
            if "artifact" in table.c:
                own["artifact"] = sa.func.replace(
                    table.c.artifact, "emotion_tracks/", f"emotion_tracks/{prefix}"
                )
            columns = [own.get(column.name, column).label(column.name) for column in table.c]
            first_day = sa.select(*columns).where(table.c.day == str(FIRST_DAY))
            connection.execute(sa.insert(table).from_select(list(table.c), first_day))


def _turns(rng: np.random.Generator) -> Iterator[tuple[int, float, float]]:
    """(channel, start, end): the two speak in turn, sometimes late, sometimes at once."""
    at_s = 0.5
    for number in range(TURNS):
        length_s = float(rng.uniform(2.2, 5.0))
        if at_s + length_s > CALL_S:
            return
        yield number % 2, round(at_s, 2), round(at_s + length_s, 2)
        at_s += length_s + float(rng.choice([0.2, 0.5, -0.3], p=[0.5, 0.4, 0.1]))
        at_s += 7.0 * (rng.random() < 0.002)


def _tracks(rng: np.random.Generator, turns: list[tuple[int, float, float]]) -> Iterator[Any]:
    """Mostly neutral, now and then a turn with another emotion."""
    from callqa_assets.domain.emotion.labels import EMOTIONS
    from callqa_assets.domain.rules.call_input import ChannelTrack

    for channel in (0, 1):
        starts, numbers, posteriors = [], [], []
        own = [turn for turn in turns if turn[0] == channel]
        for number, (_, start_s, end_s) in enumerate(own):
            windows = np.arange(start_s, end_s - WINDOW_S + 1e-9, HOP_S)
            emotion = rng.integers(len(EMOTIONS)) if rng.random() < 0.02 else 4
            scores = rng.random((len(windows), len(EMOTIONS)), dtype=np.float32) * 0.3
            scores[:, emotion] += rng.uniform(1, 5)
            starts.append(windows)
            numbers.append(np.full(len(windows), number))
            posteriors.append(scores / scores.sum(axis=1, keepdims=True))
        start_s = np.concatenate(starts)
        yield ChannelTrack(
            channel,
            np.concatenate(numbers),
            start_s,
            start_s + WINDOW_S,
            np.concatenate(posteriors),
        )


def _spoken(
    rng: np.random.Generator, turns: list[tuple[int, float, float]]
) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Key, segment and transcript of every turn; one word per character."""
    counts = [0, 0]
    for number, (channel, start_s, end_s) in enumerate(turns):
        among = RARE if rng.random() < RARE_SHARE else ORDINARY
        sentence = among[rng.integers(len(among))]
        if number == 0 and rng.random() < 0.95:
            sentence = "您好请问有什么可以帮您"
        if number >= len(turns) - 2 and rng.random() < 0.95:
            sentence = "好的那就这样再见"
        step_s = (end_s - start_s) / len(sentence)
        words = [
            {
                "word": character,
                "start_s": round(start_s + k * step_s, 2),
                "end_s": round(start_s + (k + 1) * step_s, 2),
            }
            for k, character in enumerate(sentence)
        ]
        key = {"channel": channel, "segment_no": counts[channel], "start_s": start_s}
        key |= {"end_s": end_s, "role": ("agent", "customer")[channel]}
        counts[channel] += 1
        loud = 15.0 * (rng.random() < 0.001)
        yield (
            key,
            {"level_dbfs": float(rng.normal(-30, 2)) + loud, "kind": "speech"},
            {
                "language": "zh",
                "text": f"{sentence}。",
                "text_raw": sentence,
                "words": words,
                "alignment": [],
                "doubtful_hotwords": [],
                "confidence": 0.9,
            },
        )


def _recording(rng: np.random.Generator, recording_id: str, day: str) -> dict[str, Any]:
    started = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(
        seconds=float(rng.uniform(0, 57_000))
    )
    return {
        "recording_id": recording_id,
        "content_sha256": recording_id * 2,
        "source_name": f"{recording_id}.wav",
        "day": day,
        "started_at": started.astimezone(UTC),
        "time_source": "sidecar",
        "agent_id": f"A{rng.integers(100)}",
        "line": "vip" if rng.random() < 0.1 else "hotline",
        "channels": 2,
        "channel_roles": ["agent", "customer"],
        "sample_rate": 8_000,
        "duration_s": CALL_S,
        "size_bytes": 1,
        "archive_path": f"archive/{recording_id}.wav",
        "metadata": {},
        "metadata_version": "0" * 64,
        "status": "ok",
        "legal_hold": False,
        "ingested_at": started,
        "run_id": "fill",
    }


def _ledger(recording_id: str, day: str, stage: str, artifact: str) -> dict[str, Any]:
    return {
        "recording_id": recording_id,
        "stage": stage,
        "day": day,
        "fingerprint": "0" * 64,
        "input_version": "0" * 64,
        "output_version": recording_id * 2,
        "status": "ok",
        "attempts": 1,
        "artifact": artifact if stage == "emotions" else None,
        "run_id": "fill",
    }


def _no_models() -> Any:
    raise AssertionError("rules need no model")


def evaluate_days(home_folder: Path, days: list[str], level: float) -> None:
    """The days' alerts under the rules with this level, through the stage contract."""
    from callqa_assets.domain.text.hotwords import HotwordLists
    from callqa_assets.stages.alerts import STAGE
    from callqa_assets.stages.contract import run_stage
    from callqa_assets.stages.definition import StageContext
    from callqa_assets.warehouse.database import open_warehouse
    from callqa_assets.warehouse.outbox import Outbox
    from callqa_assets.warehouse.rule_sets import accept_rules
    from resources.storage.config_files import read_rules_file
    from resources.storage.home import REPO, Home

    home = Home(home_folder)
    warehouse = open_warehouse(home.database_url)
    rules = home_folder / "rules.yaml"
    rules.write_text(RULES.replace("LEVEL", str(level)), "utf-8")
    accepted = accept_rules(warehouse, read_rules_file(rules)).rules
    context = StageContext(
        home=home,
        warehouse=warehouse,
        configs=REPO / "configs",
        open_models=_no_models,
        read_hotwords=HotwordLists,
        read_rules=lambda: accepted,
        open_outbox=Outbox,
    )
    stage = STAGE.build(context)
    for day in days:
        report = run_stage(warehouse, stage, day, run_id=f"level {level}")
        assert not report.failed, report.failed
        assert report.computed


def count_alerts(home_folder: Path) -> int:
    from callqa_assets.warehouse.database import open_warehouse
    from callqa_assets.warehouse.tables import alerts
    from resources.storage.home import Home

    with open_warehouse(Home(home_folder).database_url).read() as connection:
        query = sa.select(sa.func.count()).where(alerts.c.superseded_at.is_(None))
        return connection.execute(query).scalar_one()


def measure(calls: int) -> Cost:
    """Fill, evaluate once, then evaluate with other levels, timed."""
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        home = make_home(Path(folder))
        days = fill(home.root, calls)
        evaluate_days(home.root, days, 0.75)
        base_mib = _resident_mib()
        wall, cpu = time.perf_counter(), time.process_time()
        evaluate_days(home.root, days, 0.7)
        wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Cost(calls, wall_s, cpu_s, count_alerts(home.root), base_mib, peak_mib)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def evaluate(sizes: list[int]) -> str:
    """The table, as Markdown."""
    lines = [
        f"20 rules of every kind, calls of {CALL_S:.0f} s with two channels.",
        "",
        "| calls | wall s | CPU s | wall ms per call | alerts | MiB before | MiB at most |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for calls in sizes:
        cost = run_in_fresh_process(measure, calls)
        lines.append(
            f"| {cost.calls:,} | {cost.wall_s:.1f} | {cost.cpu_s:.1f} "
            f"| {1000 * cost.wall_s / cost.calls:.2f} | {cost.alerts:,} "
            f"| {cost.base_mib:.0f} | {cost.peak_mib:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    print(evaluate(parser.parse_args().calls))


if __name__ == "__main__":
    main()
