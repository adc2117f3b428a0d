"""Operating points of the alert thresholds of the compact profile.

    python -m training.alert_thresholds --cache DIR [--testdata DIR]

Long segments of acted speech (clips of one speaker and emotion joined and degraded, half of them
over a telephone line) are scored by the cross-validation heads, each by one not trained on its
speaker. A rule fires on a segment where the posterior stays at or above the threshold for the
duration. Printed: false alarms per hour of other speech, and the share of segments found.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import WindowConfig, window_bounds, windowed_pool
from resources.speech_models.emotion.whisper_head import EmotionHead
from training.clip_frames import read_segments
from training.corpora import read_clips
from training.emotion_head import REPO, TrainingConfig, folds_by_speaker

DURATIONS_SEC = (1.0, 1.5, 2.0, 3.0)
THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


@dataclass(frozen=True)
class ScoredSegment:
    """One segment with its true emotion and the posteriors of its windows."""

    emotion: str
    duration_s: float
    edges_s: NDArray[np.float64]
    """Shape [n + 1]: window i counts from edge i to edge i + 1."""
    windows: NDArray[np.float32]
    """Posteriors, shape [n, 9]."""


def longest_hold_s(
    value: NDArray[np.floating], threshold: float, edges: NDArray[np.float64]
) -> float:
    """Longest time in s that `value` [n] is at or above the threshold; `edges` [n + 1] in s."""
    longest = held = 0.0
    for above, length in zip(value >= threshold, np.diff(edges), strict=True):
        held = held + float(length) if above else 0.0
        longest = max(longest, held)
    return longest


def score_segments(testdata: Path, cache: Path, windows: WindowConfig) -> list[ScoredSegment]:
    """Every joined segment of the training speakers, by a head not trained on its speaker."""
    clips = [clip for clip in read_clips(testdata) if clip.split == "train"]
    fold_of = {
        speaker: number
        for number, left_out in enumerate(folds_by_speaker(clips, TrainingConfig().folds))
        for speaker in left_out
    }
    heads = [
        EmotionHead.read(cache / f"fold_{number}.safetensors")
        for number in range(TrainingConfig().folds)
    ]
    segments = read_segments(cache, "joined")
    scored: list[ScoredSegment] = []
    for index, frames in zip(segments.clip, segments.each(), strict=True):
        starts, ends = window_bounds(len(frames), windows)
        pooled = windowed_pool(frames, starts, ends)
        centres = (starts + ends) / 2 / windows.frame_rate_hz
        duration_s = len(frames) / windows.frame_rate_hz
        edges = np.concatenate([[0], (centres[1:] + centres[:-1]) / 2, [duration_s]])
        head = heads[fold_of[clips[index].speaker]]
        scored.append(
            ScoredSegment(clips[index].emotion, duration_s, edges, head.posteriors(pooled))
        )
    return scored


def operating_points(
    scored: Sequence[ScoredSegment], wanted: Sequence[str], floors: dict[str, float]
) -> list[str]:
    """Markdown rows: the sum of `wanted` against each threshold and duration."""
    columns = [EMOTIONS.index(name) for name in wanted]
    target = wanted[0]
    rows: list[str] = []
    for duration_sec in DURATIONS_SEC:
        for threshold in THRESHOLDS:
            fired: dict[str, list[bool]] = {}
            hours: dict[str, float] = {}
            for segment in scored:
                value = segment.windows[:, columns].sum(axis=1)
                for name, floor in floors.items():
                    value = np.where(segment.windows[:, EMOTIONS.index(name)] >= floor, value, 0)
                fires = longest_hold_s(value, threshold, segment.edges_s) >= duration_sec
                if segment.duration_s >= duration_sec:
                    fired.setdefault(segment.emotion, []).append(fires)
                hours[segment.emotion] = hours.get(segment.emotion, 0) + segment.duration_s / 3600
            others = [name for name in fired if name not in wanted]
            false = sum(sum(fired[name]) for name in others) / sum(hours[n] for n in others)
            calm = sum(fired["neutral"]) / hours["neutral"]
            rows.append(
                f"| {duration_sec} | {threshold} | {np.mean(fired[target]):.3f} "
                f"| {false:.1f} | {calm:.1f} |"
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Operating points of the alert rules.")
    parser.add_argument("--cache", type=Path, required=True, help="folder of training.emotion_head")
    parser.add_argument(
        "--testdata",
        type=Path,
        default=Path(os.environ.get("CALLQA_TESTDATA", REPO.parent / "shared" / "testdata")),
    )
    parser.add_argument("--window-sec", type=float, default=WindowConfig().window_sec)
    options = parser.parse_args()
    windows = WindowConfig(window_sec=options.window_sec)
    scored = score_segments(options.testdata, options.cache, windows)
    hours = sum(segment.duration_s for segment in scored) / 3600
    print(f"{len(scored)} segments, {hours:.2f} h, windows of {windows.window_sec} s")
    rules: list[tuple[list[str], dict[str, float]]] = [
        (["angry"], {}),
        (["fearful"], {}),
        (["sad", "neutral"], {"sad": 0.5}),
    ]
    for wanted, floors in rules:
        print(f"\n{' + '.join(wanted)}{f', floors {floors}' if floors else ''}\n")
        print("| duration_sec | threshold | found | false alarms/h, all other | /h of neutral |")
        print("|---:|---:|---:|---:|---:|")
        print("\n".join(operating_points(scored, wanted, floors)))


if __name__ == "__main__":
    main()
