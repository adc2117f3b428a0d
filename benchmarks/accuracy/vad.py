"""Frame F1 of FSMN-VAD on meeting recordings, beside an energy threshold.

    python -m benchmarks.accuracy.vad [--testdata DIR] [--models DIR]

prints a Markdown table for benchmarks/RESULTS.md. Frames of 10 ms, scored at their centre, pooled
over all recordings; speech is where any speaker of the reference speaks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.locations import add_locations
from callqa_assets.domain.audio.decoding import to_16k
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, Waveform
from resources.speech_models.vad.detector import FsmnVad, VadConfig
from resources.storage.archive import decode_file

FRAME_S = 0.01
FRAME_SAMPLES = round(FRAME_S * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class VadResult:
    detector: str
    precision: float
    recall: float
    f1: float


def evaluate_vad(testdata: Path, models: Path) -> list[VadResult]:
    """FSMN-VAD and the energy baseline on `vad/*.flac` against `vad/reference.rttm`."""
    paths = sorted((testdata / "vad").glob("*.flac"))
    waveforms = [_first_channel(path) for path in paths]
    reference = read_rttm(testdata / "vad" / "reference.rttm")
    truth = [
        mark_frames(reference[path.stem], len(waveform))
        for path, waveform in zip(paths, waveforms, strict=True)
    ]
    detector = FsmnVad(models, config=VadConfig(), threads=1)
    detected = [
        mark_frames(spans, len(waveform))
        for spans, waveform in zip(detector.detect(waveforms), waveforms, strict=True)
    ]
    loud = [mark_loud_frames(waveform) for waveform in waveforms]
    return [
        score_frames("FSMN-VAD", detected, truth),
        score_frames("energy, 20th percentile + 8 dB", loud, truth),
    ]


def read_rttm(path: Path) -> dict[str, list[Span]]:
    """Speech turns by recording; speakers are not distinguished."""
    turns: dict[str, list[Span]] = {}
    for line in path.read_text("utf-8").splitlines():
        kind, name, _, start_s, duration_s, *_ = line.split(" ")
        if kind == "SPEAKER":
            start = float(start_s)
            turns.setdefault(name, []).append(Span(start, start + float(duration_s)))
    return turns


def mark_frames(spans: Iterable[Span], samples: int) -> NDArray[np.bool_]:
    """Frames, one for each whole 10 ms, whose centre lies in a span."""
    centres = (np.arange(samples // FRAME_SAMPLES) + 0.5) * FRAME_S
    marked = np.zeros(len(centres), bool)
    for span in spans:
        marked |= (centres >= span.start_s) & (centres < span.end_s)
    return marked


def mark_loud_frames(waveform: Waveform, above_db: float = 8.0) -> NDArray[np.bool_]:
    """Frames whose energy is `above_db` over the recording's 20th percentile."""
    frames = waveform[: len(waveform) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    level_db = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-10)
    return level_db > np.percentile(level_db, 20) + above_db


def score_frames(
    detector: str, detected: Sequence[NDArray[np.bool_]], truth: Sequence[NDArray[np.bool_]]
) -> VadResult:
    guess, true = np.concatenate(detected), np.concatenate(truth)
    hits = np.count_nonzero(guess & true)
    precision, recall = hits / np.count_nonzero(guess), hits / np.count_nonzero(true)
    return VadResult(detector, precision, recall, 2 * precision * recall / (precision + recall))


def _first_channel(path: Path) -> Waveform:
    audio = decode_file(path)
    return to_16k(audio.samples[:1], audio.sample_rate_hz)[0]


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_locations(parser)
    args = parser.parse_args()
    print("| detector | precision | recall | frame F1 |\n| --- | --- | --- | --- |")
    for result in evaluate_vad(args.testdata, args.models):
        print(
            f"| {result.detector} | {result.precision:.3f} | {result.recall:.3f} "
            f"| {result.f1:.3f} |"
        )


if __name__ == "__main__":
    main()
