"""Full-size emotion2vec with random weights: our batches against funasr's own loop.

    python -m benchmarks.speed.emotion2vec [--device auto|cuda|mps|cpu] [--precision auto|…]
        [--testdata DIR] [--segments N] [--rounds 3] [--batch-s S]

prints Markdown for benchmarks/RESULTS.md. Segments are 3–10 s of real recordings. funasr has one
precision here, fp32, and computes one segment at a time. The share of the peak compares the
operations that the model needs per second, without padding, with those that the device reaches in
a plain matrix product of the model's shapes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml

from benchmarks.speed.vad import load_channels
from benchmarks.support.contest import Prepared, best_seconds, print_timings, take_turns
from benchmarks.support.full_size_models import build_full_size, load_with_funasr
from benchmarks.support.locations import add_locations
from callqa_assets.domain.emotion.timeline import WindowConfig
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, SpeechChannel, Waveform
from resources.speech_models.emotion.emotion2vec import Emotion2vecConfig, Emotion2vecRecognizer
from resources.speech_models.runtime.device import Device, choose_device
from resources.speech_models.weights.wheels import StoredModel

SHORTEST_S, LONGEST_S = 3.0, 10.0
WINDOWS = WindowConfig(window_sec=3.0)


def callqa(folder: Path, device: Device, batch_s: float | None) -> Prepared:
    recognizer = Emotion2vecRecognizer(
        StoredModel(folder, "0" * 64),
        device=device,
        windows=WINDOWS,
        config=Emotion2vecConfig(batch_s=batch_s),
    )

    def recognize(segments: Sequence[Waveform]) -> tuple[np.ndarray, float]:
        channels = [
            SpeechChannel(segment, [Span(0.0, len(segment) / SAMPLE_RATE_HZ)])
            for segment in segments
        ]
        results = recognizer.recognize(channels)
        return np.stack([part[0].scores for part in results]), peak_device_mib(device)

    return recognize


def funasr_loop(folder: Path, device: Device) -> Prepared:
    model = load_with_funasr(folder, device)

    def recognize(segments: Sequence[Waveform]) -> tuple[np.ndarray, float]:
        scores = [
            model.generate(segment, granularity="utterance", extract_embedding=False)[0]["scores"]
            for segment in segments
        ]
        return np.array(scores), peak_device_mib(device)

    return recognize


def peak_device_mib(device: Device) -> float:
    """Peak of torch's tensors on a CUDA device; 0 elsewhere."""
    import torch

    if device.kind != "cuda":
        return 0.0
    return torch.cuda.max_memory_allocated(device.name) / 2**20


def cut_segments(testdata: Path, count: int) -> list[Waveform]:
    """Consecutive parts of the meetings of 3–10 s each; the same every time."""
    recordings = iter(load_channels(testdata / "vad"))
    rng = np.random.default_rng(0)
    segments: list[Waveform] = []
    sound, start = next(recordings), 0
    while len(segments) < count:
        samples = round(rng.uniform(SHORTEST_S, LONGEST_S) * SAMPLE_RATE_HZ)
        if start + samples > len(sound):
            sound, start = next(recordings), 0
        segments.append(sound[start : start + samples].copy())
        start += samples
    return segments


def count_operations(config: dict[str, Any], samples: int) -> int:
    """Floating-point operations (two per multiply-add) of the model's products for one segment."""
    conf = config["model_conf"]
    audio, width = conf["modalities"]["audio"], conf["embed_dim"]
    channels, products, length = 1, 0, samples
    for outputs, kernel, stride in eval(audio["feature_encoder_spec"]):  # noqa: S307
        length = (length - kernel) // stride + 1
        products += length * channels * kernel * outputs
        channels = outputs
    products += length * channels * width
    kernel = audio["conv_pos_width"] // audio["conv_pos_depth"]
    products += (
        audio["conv_pos_depth"] * length * width * kernel * width // audio["conv_pos_groups"]
    )
    rows = length + audio["num_extra_tokens"]
    block = rows * width * width * (4 + 2 * conf["mlp_ratio"]) + 2 * rows * rows * width
    return round(2 * (products + (conf["depth"] + audio["prenet_depth"]) * block))


def measure_peak(device: Device) -> float:
    """Operations per second of plain matrix products in the shapes of the model's hidden layers."""
    import torch

    rows = 12_000 if device.is_accelerator else 500
    left = torch.randn(rows, 1024, device=device.name, dtype=device.dtype)
    right = torch.randn(1024, 4096, device=device.name, dtype=device.dtype)
    repeats = 50 if device.kind == "cuda" else 1

    def multiply() -> None:
        for _ in range(repeats):
            torch.mm(left, right)
        if device.kind == "cuda":
            torch.cuda.synchronize()
        elif device.kind == "mps":
            torch.mps.synchronize()

    with torch.inference_mode():
        return repeats * 2 * rows * 1024 * 4096 / best_seconds(multiply, runs=20)


def describe_device(device: Device) -> str:
    import torch

    if device.kind == "cuda":
        return f"{torch.cuda.get_device_name(device.name)}, {device.precision}"
    return f"{device.name}, {device.precision}, {device.threads} threads"


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_locations(parser)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16", "fp16"])
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--segments", type=int, help="default: 200 on an accelerator, else 8")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--batch-s", type=float, help="seconds of audio per batch (default: the profile's)"
    )
    args = parser.parse_args()
    device = choose_device(args.device, args.precision, args.threads)
    segments = cut_segments(args.testdata, args.segments or (200 if device.is_accelerator else 8))
    audio_s = sum(map(len, segments)) / SAMPLE_RATE_HZ
    with tempfile.TemporaryDirectory(prefix="callqa-emotion2vec-") as name:
        folder = Path(name)
        weights = build_full_size("emotion2vec", folder)
        config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
        timings = take_turns(
            {
                "callqa": partial(callqa, folder, device, args.batch_s),
                "funasr's loop": partial(funasr_loop, folder, device),
            },
            warm_up=segments if device.is_accelerator else segments[:1],
            work=segments,
            rounds=args.rounds,
        )
    print(
        f"{weights / 1e6:.0f} M weights; {len(segments)} segments of {SHORTEST_S:g}–{LONGEST_S:g}"
        f" s, {audio_s:.0f} s, rounds: {args.rounds}; {describe_device(device)} (the loop: fp32).\n"
    )
    print_timings(timings, audio_s)
    (ours, ours_mib), (theirs, theirs_mib) = (rounds[-1].result for rounds in timings.values())
    print(f"\nLargest difference of a score: {np.abs(ours - theirs).max():.1e}.")
    if device.kind == "cuda":
        print(f"Peak on the device: callqa {ours_mib:.0f} MiB, the loop {theirs_mib:.0f} MiB.")
    operations = sum(count_operations(config, len(segment)) for segment in segments)
    peak = measure_peak(device)
    reached = operations / median(timing.wall_s for timing in timings["callqa"])
    print(
        f"{operations / audio_s / 1e9:.0f} GFLOP per second of audio; the device's measured peak "
        f"is {peak / 1e9:.0f} GFLOP/s, callqa reaches {reached / peak:.0%} of it."
    )


if __name__ == "__main__":
    main()
