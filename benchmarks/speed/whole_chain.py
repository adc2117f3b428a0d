"""The whole chain against faster-whisper, which only transcribes the same calls.

    python -m benchmarks.speed.whole_chain [--testdata DIR] [--models DIR] [--rounds 3]
        [--calls NAME …]

prints Markdown tables for benchmarks/RESULTS.md. The chain is decoding, FSMN-VAD, language, text
with word times, emotion and alerts, with the shipped `compact` profile. Each contender lives in a
process of its own and processes one call to warm up, then all take turns: medians over the rounds.
CPU seconds are given beside wall seconds, for machines that others use too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf

from benchmarks.support.contest import Timing, print_timings, take_turns
from benchmarks.support.locations import REPO, add_locations
from callqa_assets.domain.audio.decoding import to_16k
from callqa_assets.domain.audio.segments import level_dbfs
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    ChannelTrack,
)
from callqa_assets.domain.rules.engine.evaluate import FiredAlert, evaluate
from callqa_assets.domain.rules.rule_set import RuleSet, load_rules
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    SegmentEmotion,
    SegmentTranscript,
    SpeechChannel,
)
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.stages.read_ahead import read_ahead
from resources.speech_models.loader import SpeechModels
from resources.speech_models.profiles import load_profile
from resources.storage.archive import decode_file

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


@dataclass(frozen=True)
class Call:
    path: Path
    channels: Sequence[Path]
    """Each channel as a file of its own, 16-bit PCM at the call's own rate."""


@dataclass
class ChainResults:
    """Results of the chain for a list of calls, by call and channel, and seconds by stage."""

    transcripts: list[list[list[SegmentTranscript]]] = field(default_factory=list)
    emotions: list[list[list[SegmentEmotion]]] = field(default_factory=list)
    alerts: list[list[FiredAlert]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


Contender = Callable[[Sequence[Call]], dict[str, float]]
"""Processes calls; returns wall seconds by stage where it has stages."""


def run_chain(calls: Sequence[Call], models: SpeechModels, rules: RuleSet) -> ChainResults:
    """Every stage over all calls, batched across them, as a day's assets are."""
    results = ChainResults()
    waveforms, owners = [], []
    with _timed(results, "decode"):
        for number, (call, loaded) in enumerate(read_ahead(calls, _load)):
            if isinstance(loaded, Exception):
                raise RuntimeError(f"{call.path} cannot be decoded") from loaded
            waveforms.extend(loaded)
            owners.extend([number] * len(loaded))
    with _timed(results, "detect speech"):
        segments = models.detector().detect(waveforms)
    channels = [
        SpeechChannel(waveform, spans) for waveform, spans in zip(waveforms, segments, strict=True)
    ]
    with _timed(results, "transcribe"):
        texts = models.transcriber().transcribe(channels)
    with _timed(results, "recognize emotion"):
        emotions = models.emotion_recognizer().recognize(channels)
    with _timed(results, "alerts"):
        for number, call in enumerate(calls):
            own = [index for index, owner in enumerate(owners) if owner == number]
            results.transcripts.append([texts[index] for index in own])
            results.emotions.append([emotions[index] for index in own])
            roles = ("agent", "customer") if len(own) == 2 else ("mixed",) * len(own)
            duration_s = max(len(channels[index].waveform) for index in own) / SAMPLE_RATE_HZ
            results.alerts.append(
                evaluate(
                    rules,
                    CallContext(call.path.name, duration_s, roles),
                    CallAnnotations(
                        [
                            _track(c, emotions[index])
                            for c, index in enumerate(own)
                            if emotions[index]
                        ],
                        [
                            segment
                            for c, index in enumerate(own)
                            for segment in _spoken(c, channels[index], texts[index])
                        ],
                    ),
                )
            )
    return results


@contextmanager
def _timed(results: ChainResults, stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    results.seconds[stage] = time.perf_counter() - started


def _load(call: Call) -> list[np.ndarray]:
    audio = decode_file(call.path)
    return to_16k(audio.samples, audio.sample_rate_hz)


def _track(channel: int, emotions: Sequence[SegmentEmotion]) -> ChannelTrack:
    return ChannelTrack(
        channel,
        np.repeat(np.arange(len(emotions)), [len(segment.windows) for segment in emotions]),
        np.concatenate([segment.window_start_s for segment in emotions]),
        np.concatenate([segment.window_end_s for segment in emotions]),
        np.concatenate([segment.windows for segment in emotions]),
    )


def _spoken(
    channel: int, speech: SpeechChannel, texts: Sequence[SegmentTranscript]
) -> list[SpokenSegment]:
    return [
        SpokenSegment(
            channel,
            span.start_s,
            span.end_s,
            level_dbfs(speech.waveform, span),
            text.text,
            text.text_raw,
            json.dumps([asdict(word) for word in text.words]),
        )
        for span, text in zip(speech.segments, texts, strict=True)
    ]


def chain(models: Path, threads: int) -> Contender:
    configs = REPO / "configs"
    profile = load_profile(configs / "models.yaml", "compact")
    speech = SpeechModels(profile.model_copy(update={"threads": threads}), models)
    rules_file = configs / profile.rules
    rules = load_rules(rules_file.read_text("utf-8"), source=rules_file.name)
    return lambda calls: run_chain(calls, speech, rules).seconds


def plain_int8(models: Path, threads: int) -> Contender:
    return _plain(_load_peer(models, "int8", threads))


def plain_default(models: Path, threads: int) -> Contender:
    return _plain(_load_peer(models, "default", threads))


def plain_downmix(models: Path, threads: int) -> Contender:
    whisper = _load_peer(models, "int8", threads)

    def process(calls: Sequence[Call]) -> dict[str, float]:
        for call in calls:
            _exhaust(whisper.transcribe(str(call.path), beam_size=5))
        return {}

    return process


def batched(models: Path, threads: int) -> Contender:
    from faster_whisper import BatchedInferencePipeline

    pipeline = BatchedInferencePipeline(_load_peer(models, "int8", threads))

    def process(calls: Sequence[Call]) -> dict[str, float]:
        for call in calls:
            for path in call.channels:
                _exhaust(pipeline.transcribe(str(path), beam_size=5, batch_size=8))
        return {}

    return process


def _plain(whisper: WhisperModel) -> Contender:
    def process(calls: Sequence[Call]) -> dict[str, float]:
        for call in calls:
            for path in call.channels:
                _exhaust(whisper.transcribe(str(path), beam_size=5))
        return {}

    return process


def _exhaust(answer: tuple[object, object]) -> None:
    """faster-whisper returns a generator: nothing is decoded before it is consumed."""
    list(answer[0])  # pyright: ignore[reportArgumentType, reportCallIssue]


def _load_peer(models: Path, compute_type: str, threads: int) -> WhisperModel:
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(models / "whisper-base"),
        device="cpu",
        compute_type=compute_type,
        cpu_threads=threads,
        local_files_only=True,
    )


CONTENDERS: dict[str, Callable[[Path, int], Contender]] = {
    "callqa, whole chain, int8": chain,
    "transcribe, int8": plain_int8,
    "transcribe, default precision": plain_default,
    "transcribe, int8, stereo downmix": plain_downmix,
    "BatchedInferencePipeline 8, int8": batched,
}


def measure(
    calls: Sequence[Call], models: Path, *, rounds: int, threads: int, names: Sequence[str]
) -> dict[str, list[Timing]]:
    """Timings by contender, one per round, with its wall seconds by stage."""
    return take_turns(
        {name: partial(CONTENDERS[name], models, threads) for name in names},
        warm_up=[min(calls, key=lambda call: call.path.stat().st_size)],
        work=calls,
        rounds=rounds,
    )


def prepare_calls(paths: Sequence[Path], folder: Path) -> list[Call]:
    """Write each channel of each call as its own WAV into `folder`."""
    calls: list[Call] = []
    for path in paths:
        audio = decode_file(path)
        channels: list[Path] = []
        for number, samples in enumerate(audio.samples):
            target = folder / f"{path.stem}_{number}.wav"
            sf.write(target, samples, audio.sample_rate_hz, subtype="PCM_16")
            channels.append(target)
        calls.append(Call(path, channels))
    return calls


def print_tables(calls: Sequence[Call], timings: dict[str, list[Timing]]) -> None:
    audio_s = sum(sf.info(path).duration for call in calls for path in call.channels)
    chain_name = next(iter(timings))
    print(f"{len(calls)} calls, {audio_s:.0f} s of channels, {len(timings[chain_name])} rounds\n")
    print_timings(timings, audio_s)
    wall_s = median(timing.wall_s for timing in timings[chain_name])
    stages = timings[chain_name][0].result
    print("\n| stage of the chain | wall s | share |\n| --- | --- | --- |")
    for stage in stages:
        seconds = median(timing.result[stage] for timing in timings[chain_name])
        print(f"| {stage} | {seconds:.2f} | {seconds / wall_s:.0%} |")


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_locations(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--calls", nargs="*", help="names of files under calls/ (default: all)")
    parser.add_argument(
        "--peers", nargs="*", choices=list(CONTENDERS)[1:], default=list(CONTENDERS)[1:]
    )
    args = parser.parse_args()
    paths = sorted(
        path
        for path in (args.testdata / "calls").iterdir()
        if path.suffix in (".flac", ".wav") and (not args.calls or path.name in args.calls)
    )
    with tempfile.TemporaryDirectory(prefix="callqa-channels-") as folder:
        calls = prepare_calls(paths, Path(folder))
        names = [next(iter(CONTENDERS)), *args.peers]
        timings = measure(calls, args.models, rounds=args.rounds, threads=args.threads, names=names)
        print_tables(calls, timings)


if __name__ == "__main__":
    main()
