"""Our FSMN-VAD against funasr's, on one thread: equal segments, speed, distance from a lower bound.

    python -m benchmarks.speed.vad [--testdata DIR] [--models DIR] [--rounds 1]

prints Markdown for benchmarks/RESULTS.md. Both process every channel of every recording in the test
data: hours of audio, which are in memory. The floor is the time of the model's matrix products at
this machine's measured peak, plus that of the filter banks, which any implementation needs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.support.contest import Prepared, best_seconds, print_timings, take_turns
from benchmarks.support.locations import add_locations
from callqa_assets.domain.audio.decoding import to_16k
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform
from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.filter_banks import FilterBanks
from resources.speech_models.runtime.funasr_loading import load_model, process_as_found
from resources.speech_models.vad.detector import LAYOUT, FsmnVad, VadConfig
from resources.storage.archive import decode_file

WITHOUT_SPLIT_S = 24 * 3600.0
"""Neither cuts long speech: funasr cuts it blindly, we at the quietest point."""

SegmentsMs = list[tuple[int, int]]


def callqa(models: Path) -> Prepared:
    vad = FsmnVad(models, config=VadConfig(max_segment_s=WITHOUT_SPLIT_S), threads=1)

    def detect(waveforms: Sequence[Waveform]) -> list[SegmentsMs]:
        return [
            [(round(span.start_s * 1000), round(span.end_s * 1000)) for span in spans]
            for spans in vad.detect(waveforms)
        ]

    return detect


def funasr(models: Path) -> Prepared:
    with process_as_found():
        from funasr import AutoModel

        model = AutoModel(
            model=str(models / "fsmn-vad"),
            device="cpu",
            ncpu=1,
            disable_update=True,
            disable_pbar=True,
            log_level="ERROR",
            max_single_segment_time=round(WITHOUT_SPLIT_S * 1000),
        )

    def detect(waveforms: Sequence[Waveform]) -> list[SegmentsMs]:
        return [
            [
                # funasr counts the frame that the recording's end cuts off.
                (start_ms, min(end_ms, round(len(waveform) / SAMPLE_RATE_HZ * 1000)))
                for start_ms, end_ms in model.generate(
                    waveform, fs=SAMPLE_RATE_HZ, max_end_silence_time=VadConfig.max_end_silence_ms
                )[0]["value"]
            ]
            for waveform in waveforms
        ]

    return detect


def load_channels(testdata: Path) -> list[Waveform]:
    """Every channel of every recording under `testdata`, at 16 kHz."""
    channels: list[Waveform] = []
    for path in sorted(testdata.rglob("*")):
        if path.is_file() and path.suffix not in {".csv", ".rttm", ".md", ".txt"}:
            audio = decode_file(path)
            channels += to_16k(audio.samples, audio.sample_rate_hz)
    return channels


def floor_seconds(models: Path, audio_s: float) -> tuple[float, float]:
    """Lowest time in s of the matrix products and of the filter banks for `audio_s` of audio."""
    import torch

    encoder = load_model(models / "fsmn-vad", LAYOUT, Device("cpu", "fp32", 1)).model.encoder
    products = sum(weight.numel() for weight in encoder.parameters() if weight.ndim > 1)
    left, right = torch.randn(1000, 400), torch.randn(400, 250)
    with torch.inference_mode():
        peak_s = best_seconds(lambda: left @ right, runs=50)
        banks, sound = FilterBanks(80), torch.randn(10 * SAMPLE_RATE_HZ)
        banks_s = best_seconds(lambda: banks.compute(sound), runs=20) / 10
    multiply_adds_per_s = 1000 * 400 * 250 / peak_s
    return audio_s * 100 * products / multiply_adds_per_s, audio_s * banks_s


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_locations(parser)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    channels = load_channels(args.testdata)
    audio_s = sum(map(len, channels)) / SAMPLE_RATE_HZ
    timings = take_turns(
        {
            "callqa": partial(callqa, args.models),
            "AutoModel.generate": partial(funasr, args.models),
        },
        warm_up=channels[:1],
        work=channels,
        rounds=args.rounds,
    )
    ours, theirs = (rounds[0].result for rounds in timings.values())
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    print(
        f"{len(channels)} channels, {audio_s:.0f} s, one thread, rounds: {args.rounds}. "
        f"Identical segments in {same} of {len(channels)} channels "
        f"({sum(map(len, ours))} segments).\n"
    )
    print_timings(timings, audio_s)
    products_s, banks_s = floor_seconds(args.models, audio_s)
    cpu_s = median(timing.cpu_s for timing in timings["callqa"])
    print(
        f"\nFloor: {products_s:.2f} s of matrix products at the measured peak and {banks_s:.2f} s "
        f"of filter banks; callqa takes {cpu_s / (products_s + banks_s):.2f} times that."
    )


if __name__ == "__main__":
    main()
