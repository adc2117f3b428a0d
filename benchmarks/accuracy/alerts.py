"""The shipped rules on real calls, through `callqa run`'s path: what fires, and what should not.

    python -m benchmarks.accuracy.alerts [--testdata DIR] [--models DIR]

prints a Markdown table for benchmarks/RESULTS.md. Assembled calls have a truth (who is angry when);
in the others every anger alarm counts as false, and their rate is given per hour of speech.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.support.locations import add_locations

ANGER_RULE = "customer_anger"


@dataclass(frozen=True)
class StoredCall:
    name: str
    roles: str
    speech_s: float
    alerts: list[Any]
    """Rows of `alerts`."""


def process_calls(testdata: Path, models: Path, home: Path) -> list[StoredCall]:
    """Run the drop folder calls/ into a fresh home."""
    from callqa_assets.cli.headless import process_drop_folder
    from callqa_assets.cli.home_setup import prepare_home
    from callqa_assets.warehouse.tables import alerts, recordings, segments
    from resources.settings import Settings

    settings = Settings.from_environment(
        {"CALLQA_MODELS": str(models)}, home=home, drop=testdata / "calls"
    )
    prepare_home(settings, switch=False)
    result = process_drop_folder(settings, lambda *_: None, copy=True)
    assert not result.failed_runs, result.failed_runs
    calls: list[StoredCall] = []
    with settings.open_warehouse().read() as connection:
        good = sa.select(recordings).where(recordings.c.status == "ok")
        for call in connection.execute(good.order_by(recordings.c.source_name)):
            speech = sa.select(sa.func.sum(segments.c.end_s - segments.c.start_s)).where(
                segments.c.recording_id == call.recording_id
            )
            fired = sa.select(alerts).where(alerts.c.recording_id == call.recording_id)
            calls.append(
                StoredCall(
                    call.source_name,
                    ", ".join(call.channel_roles),
                    connection.execute(speech).scalar_one() or 0.0,
                    list(connection.execute(fired.order_by(alerts.c.started_s))),
                )
            )
    return calls


def read_angry_turns(testdata: Path) -> dict[str, list[tuple[float, float]]]:
    """Assembled call to the (start, end) of the customer's angry turns, in seconds."""
    turns: dict[str, list[tuple[float, float]]] = {}
    with (testdata / "calls" / "assembled_truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            angry = turns.setdefault(row["file"], [])
            if row["emotion"] == "angry" and row["role"] == "customer":
                angry.append((float(row["start_s"]), float(row["end_s"])))
    return turns


def to_markdown(calls: list[StoredCall], turns: dict[str, list[tuple[float, float]]]) -> str:
    lines = [
        "| call | channels | speech s | angry turns found | alerts |",
        "|---|---|---:|---:|---|",
    ]
    other_s, false_alarms, other_alerts = 0.0, 0, 0
    for call in calls:
        anger = [alert for alert in call.alerts if alert.rule == ANGER_RULE]
        if call.name in turns:
            found = sum(
                any(a.started_s < end and a.ended_s > start for a in anger)
                for start, end in turns[call.name]
            )
            found_text = f"{found} of {len(turns[call.name])}"
        else:
            other_s += call.speech_s
            false_alarms += len(anger)
            other_alerts += len(call.alerts) - len(anger)
            found_text = "–"
        fired = "; ".join(
            f"{a.rule} {a.role} {a.started_s:.1f}–{a.ended_s:.1f} s"
            + (" (shadow)" if a.mode == "shadow" else "")
            for a in call.alerts
        )
        lines.append(
            f"| {call.name} | {call.roles} | {call.speech_s:.0f} | {found_text} | {fired or '–'} |"
        )
    hours = other_s / 3600
    lines += [
        "",
        f"Calls without a truth: {other_s:.0f} s of speech, {false_alarms} anger alarms "
        f"({false_alarms / hours:.1f} per hour), {other_alerts} by other rules "
        f"({other_alerts / hours:.1f} per hour).",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_locations(parser)
    arguments = parser.parse_args()
    testdata, models = Path(arguments.testdata), Path(arguments.models)
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as home:
        calls = process_calls(testdata, models, Path(home))
    print(to_markdown(calls, read_angry_turns(testdata)))


if __name__ == "__main__":
    main()
