"""Conversation metrics on real calls: by the times of words, against the detector's segments.

    python -m benchmarks.accuracy.conversation [--testdata DIR] [--models DIR]

prints two Markdown tables for benchmarks/RESULTS.md: a real stereo call, measured by words and
naively on segments; and the turns and the agent's delays of calls assembled from recordings,
against their truth, where successive utterances of a speaker are one turn. `assembled_truth.csv`
has the times of the clips, whose edges may be silent: they are compared once as they stand, and
once from the first to the last 20 ms within 35 dB of the clip's loudest.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.support.fresh_home import make_home
from benchmarks.support.locations import add_locations

REAL_CALL = "en_auto_repairs_40.flac"
TRUTH = "assembled_truth.csv"
DAY = "2025-04-01"
CHANNELS = {"agent": 0, "customer": 1}
_FRAME_S, _AUDIBLE_DB = 0.02, 35.0


@dataclass(frozen=True)
class SpokenTurn:
    role: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class MeasuredCall:
    """The rows of one call, and its turns by words."""

    call: Mapping[str, Any]
    by_role: Mapping[str, Mapping[str, Any]]
    turns: Sequence[SpokenTurn]
    on_segments: Mapping[str, Any]
    """The same columns as `call`, as if each segment were spoken from its start to its end."""
    interruptions_on_segments: Mapping[str, int]


def read_truth(testdata: Path, *, only_audible: bool = False) -> dict[str, list[SpokenTurn]]:
    """File to its turns: neighbouring utterances of one speaker are one turn."""
    turns: defaultdict[str, list[SpokenTurn]] = defaultdict(list)
    sounds: dict[str, tuple[NDArray[np.float64], int]] = {}
    with (testdata / "calls" / TRUTH).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name, role = row["file"], row["role"]
            start_s, end_s = float(row["start_s"]), float(row["end_s"])
            if only_audible:
                if name not in sounds:
                    sound, rate_hz = sf.read(testdata / "calls" / name, always_2d=True)
                    sounds[name] = np.asarray(sound, np.float64), rate_hz
                sound, rate_hz = sounds[name]
                start_s, end_s = _trim(sound[:, CHANNELS[role]], rate_hz, start_s, end_s)
            own = turns[name]
            if own and own[-1].role == role:
                start_s = own.pop().start_s
            own.append(SpokenTurn(role, start_s, end_s))
    return dict(turns)


def _trim(
    sound: NDArray[np.float64], rate_hz: int, start_s: float, end_s: float
) -> tuple[float, float]:
    """The clip from its first to its last audible frame, s."""
    frame = round(_FRAME_S * rate_hz)
    clip = sound[round(start_s * rate_hz) : round(end_s * rate_hz)]
    frames = clip[: len(clip) // frame * frame].reshape(-1, frame)
    levels = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    audible = np.flatnonzero(levels >= levels.max() - _AUDIBLE_DB)
    return start_s + float(audible[0]) * _FRAME_S, start_s + float(audible[-1] + 1) * _FRAME_S


def find_delays(turns: Sequence[SpokenTurn]) -> list[float]:
    """Seconds from the end of each turn of the customer to the agent's that follows."""
    return [
        after.start_s - before.end_s
        for before, after in pairwise(turns)
        if (before.role, after.role) == ("customer", "agent")
    ]


def measure(files: Sequence[Path], models: Path, folder: Path) -> dict[str, MeasuredCall]:
    """Take files through a fresh home with the profile `compact`; results by file name."""
    from callqa_assets.pipeline import Pipeline
    from resources.settings import Settings

    drop = folder / "drop"
    drop.mkdir()
    for number, file in enumerate(files):
        shutil.copyfile(file, drop / f"20250401-0900{number:02d}_1001_{file.name}")
    settings = Settings.from_environment(
        {"CALLQA_MODELS": str(models), "CALLQA_FIRST_DAY": "2025-01-01"},
        home=folder / "home",
        drop=drop,
    )
    make_home(folder / "home")
    pipeline = Pipeline.open(settings)
    pipeline.scan()
    pipeline.run_day(DAY, run_id="benchmark")
    with pipeline.context.warehouse.read() as connection:
        return _read(connection)


def _read(connection: sa.Connection) -> dict[str, MeasuredCall]:
    from callqa_assets.domain.conversation import metrics
    from callqa_assets.stages.spoken_segments import read_spoken_segments
    from callqa_assets.warehouse.tables import call_channel_metrics, call_metrics, recordings

    found: dict[str, MeasuredCall] = {}
    for row in connection.execute(sa.select(recordings)).all():
        own = row.recording_id
        of_call = call_metrics.select().where(call_metrics.c.recording_id == own)
        of_channels = call_channel_metrics.select().where(
            call_channel_metrics.c.recording_id == own
        )
        spoken = read_spoken_segments(connection, [own])[own]
        roles = dict(enumerate(row.channel_roles))
        naive = metrics.measure(
            metrics.Call(roles, row.duration_s, _as_one_word(spoken)), metrics.MetricSettings()
        )
        found[row.source_name.split("_", 2)[2]] = MeasuredCall(
            connection.execute(of_call).one()._asdict(),
            {r.role: r._asdict() for r in connection.execute(of_channels)},
            _turns_of(spoken, roles),
            naive.call,
            {r["role"]: r["interruptions"] for r in naive.channels},
        )
    return found


def _as_one_word(spoken: Sequence[Any]) -> list[Any]:
    """Segments as if their text, or something, were said from their start to their end."""
    import json

    return [
        s._replace(
            level_dbfs=0.0,
            text_raw=s.text_raw or "……嗯",
            words=json.dumps(
                [{"word": s.text_raw or "嗯", "start_s": s.start_s, "end_s": s.end_s}]
            ),
        )
        for s in spoken
    ]


def _turns_of(spoken: Sequence[Any], roles: Mapping[int, str]) -> list[SpokenTurn]:
    from callqa_assets.domain.conversation.spans import find_spans
    from callqa_assets.domain.conversation.turns import find_speakers

    sides = [find_spans([s for s in spoken if s.channel == channel]).spans for channel in roles]
    turns = [
        SpokenTurn(roles[channel], turn.start_ms / 1000, turn.end_ms / 1000)
        for channel, speaker in zip(roles, find_speakers(*sides), strict=True)
        for turn in speaker.turns
    ]
    return sorted(turns, key=lambda turn: turn.start_s)


def join_turns(turns: Sequence[SpokenTurn]) -> list[SpokenTurn]:
    """With the turns of one speaker between which nobody else speaks as one, as in the truth."""
    joined: list[SpokenTurn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            joined[-1] = SpokenTurn(turn.role, joined[-1].start_s, turn.end_s)
        else:
            joined.append(turn)
    return joined


def evaluate(testdata: Path, models: Path) -> str:
    """Both tables, as Markdown."""
    truths = {
        "clips": read_truth(testdata),
        "audible": read_truth(testdata, only_audible=True),
    }
    files = [testdata / "calls" / name for name in (REAL_CALL, *truths["clips"])]
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder:
        found = measure(files, models, Path(folder))
    real = found[REAL_CALL]
    lines = [
        f"{REAL_CALL}, interruptions by agent and customer:",
        "",
        "| basis | overlap s | silence s | over 3 s | by agent | by customer | turns |",
        "|---|---:|---:|---:|---:|---:|---:|",
        _row("words", real.call, {r: c["interruptions"] for r, c in real.by_role.items()}),
        _row("segments", real.on_segments, real.interruptions_on_segments),
        "",
        "Assembled calls, differences from the truth (median / largest):",
        "",
        "| call | truth | turns (truth) | start s | end s | delay s |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for basis, truth in truths.items():
        for name, wanted in truth.items():
            own = join_turns(found[name].turns)
            cells = [name, basis, f"{len(own)} ({len(wanted)})"]
            if [t.role for t in own] == [t.role for t in wanted]:
                cells += [
                    _differences([t.start_s for t in own], [t.start_s for t in wanted]),
                    _differences([t.end_s for t in own], [t.end_s for t in wanted]),
                    _differences(find_delays(own), find_delays(wanted)),
                ]
            else:
                cells += ["turns differ", "", ""]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _differences(own: Sequence[float], wanted: Sequence[float]) -> str:
    differences = np.abs(np.array(own) - np.array(wanted))
    return f"{np.median(differences):.2f} / {differences.max():.2f}"


def _row(basis: str, call: Mapping[str, Any], interruptions: Mapping[str, int]) -> str:
    return (
        f"| {basis} | {call['overlap_s']:.2f} | {call['silence_s']:.1f} "
        f"| {call['silence_over_3s_s']:.1f} | {interruptions['agent']} "
        f"| {interruptions['customer']} | {call['turns']} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_locations(parser)
    options = parser.parse_args()
    print(evaluate(Path(options.testdata), Path(options.models)))


if __name__ == "__main__":
    main()
