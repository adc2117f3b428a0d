"""Full-size SeACo and SenseVoice with random weights: our transcriber against funasr's generate.

    python -m benchmarks.speed.asr [--device auto|cuda|mps|cpu] [--precision auto|…]
        [--testdata DIR] [--speech-s 60] [--rounds 3] [--batch-s 60] [--family seaco|sensevoice]

prints Markdown for benchmarks/RESULTS.md. All three process the same segments of 3–10 s of real
recordings with the same weights, so they decode the same nonsense; Paraformer's is as dense as
speech (see `full_size_models`). SeACo has ten hotwords. Ours also gives word times and confidences,
which funasr gives for SeACo only; none writes punctuation.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.speed.emotion2vec import (
    LONGEST_S,
    SHORTEST_S,
    cut_segments,
    describe_device,
    peak_device_mib,
)
from benchmarks.support.contest import Prepared, print_timings, take_turns
from benchmarks.support.full_size_models import build_full_size, load_with_funasr
from benchmarks.support.locations import add_locations
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, SpeechChannel, Waveform
from resources.speech_models.asr.funasr_transcriber import (
    FunasrTranscriber,
    FunasrTranscriberConfig,
)
from resources.speech_models.asr.seaco import SeacoRecognizer
from resources.speech_models.asr.sensevoice import SenseVoiceRecognizer
from resources.speech_models.runtime.device import Device, choose_device

FAMILIES = {"seaco": SeacoRecognizer, "sensevoice": SenseVoiceRecognizer}

HOTWORDS = ("退款", "信用卡", "投诉", "客服", "订单号", "热线", "催收", "开户", "政策", "流程")


def callqa(folder: Path, family: str, device: Device, batch_s: float) -> Prepared:
    recognizer = FAMILIES[family](folder, device, "0" * 64)
    hotwords = HOTWORDS if recognizer.identity.takes_hotwords else ()
    transcriber = FunasrTranscriber(recognizer, FunasrTranscriberConfig(batch_s=batch_s), device)

    def transcribe(segments: Sequence[Waveform]) -> tuple[int, float]:
        channels = [
            SpeechChannel(
                segment, [Span(0.0, len(segment) / SAMPLE_RATE_HZ)], "zh", hotwords=hotwords
            )
            for segment in segments
        ]
        results = transcriber.transcribe(channels)
        return sum(len(part[0].text_raw) for part in results), peak_device_mib(device)

    return transcribe


def funasr_in_batches(folder: Path, family: str, device: Device, rows: int) -> Prepared:
    model, options = _load_funasr(folder, family, device)

    def transcribe(segments: Sequence[Waveform]) -> tuple[int, float]:
        results = model.generate(list(segments), batch_size=rows, **options)
        return sum(len(item["text"].replace(" ", "")) for item in results), peak_device_mib(device)

    return transcribe


def funasr_one_by_one(folder: Path, family: str, device: Device) -> Prepared:
    model, options = _load_funasr(folder, family, device)

    def transcribe(segments: Sequence[Waveform]) -> tuple[int, float]:
        results = [item for segment in segments for item in model.generate(segment, **options)]
        return sum(len(item["text"].replace(" ", "")) for item in results), peak_device_mib(device)

    return transcribe


def _load_funasr(folder: Path, family: str, device: Device) -> tuple[Any, dict[str, Any]]:
    model = load_with_funasr(folder, device)
    if family == "seaco":
        return model, {"hotword": " ".join(HOTWORDS)}
    return model, {"language": "zh", "use_itn": True}


def compare(family: str, args: argparse.Namespace, device: Device) -> None:
    segments = cut_segments(args.testdata, round(args.speech_s / ((SHORTEST_S + LONGEST_S) / 2)))
    audio_s = sum(map(len, segments)) / SAMPLE_RATE_HZ
    rows = max(1, round(args.batch_s / LONGEST_S))
    with tempfile.TemporaryDirectory(prefix=f"callqa-{family}-") as name:
        folder = Path(name)
        weights = build_full_size(family, folder)
        timings = take_turns(
            {
                "callqa": partial(callqa, folder, family, device, args.batch_s),
                f"generate(list, batch_size={rows})": partial(
                    funasr_in_batches, folder, family, device, rows
                ),
                "generate, one by one": partial(funasr_one_by_one, folder, family, device),
            },
            warm_up=segments if device.is_accelerator else segments[:1],
            work=segments,
            rounds=args.rounds,
        )
    print(
        f"### {family}\n\n{weights / 1e6:.0f} M weights; {len(segments)} segments, {audio_s:.0f} s,"
        f" rounds: {args.rounds}, batches of {args.batch_s:g} s; {describe_device(device)} "
        "(funasr: fp32).\n"
    )
    print_timings(timings, audio_s)
    decoded = ", ".join(f"{name} {rounds[0].result[0]}" for name, rounds in timings.items())
    print(f"\nCharacters decoded: {decoded}.")
    if device.kind == "cuda":
        peaks = ", ".join(f"{name} {rounds[-1].result[1]:.0f}" for name, rounds in timings.items())
        print(f"Peak on the device, MiB: {peaks}.")
    print()


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_locations(parser)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16", "fp16"])
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--speech-s", type=float, default=60.0)
    parser.add_argument("--batch-s", type=float, default=FunasrTranscriberConfig.batch_s)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    args = parser.parse_args()
    device = choose_device(args.device, args.precision, args.threads)
    for family in args.family:
        compare(family, args, device)


if __name__ == "__main__":
    main()
