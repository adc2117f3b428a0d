"""Character error rate on Mandarin utterances: the whole path, beside faster-whisper alone.

    python -m benchmarks.accuracy.asr [--testdata DIR] [--models DIR] [--compute-type int8]

prints a Markdown table for benchmarks/RESULTS.md. Ours is FSMN-VAD, packing and beam 1; the peer is
`WhisperModel.transcribe` at beam 5 with the same weights, language, prompt and precision. Both
texts are compared without punctuation and spaces, in simplified characters, lower case. Numbers are
not normalised: 033 for 零点三三 counts as errors, on both sides.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer
import soxr

from benchmarks.support.locations import add_locations
from callqa_assets.domain.audio.decoding import to_16k
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, SpeechChannel, Waveform
from callqa_assets.domain.text.cleanup import simplify
from resources.speech_models.asr.whisper_transcriber import (
    WhisperTranscriber,
    WhisperTranscriberConfig,
)
from resources.speech_models.runtime.whisper import load_whisper
from resources.speech_models.vad.detector import FsmnVad, VadConfig
from resources.storage.archive import decode_file

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


@dataclass(frozen=True)
class AsrResult:
    system: str
    sample_rate_hz: int
    utterances: int
    cer: float


@dataclass(frozen=True)
class Utterance:
    waveform: Waveform
    text: str


def evaluate_asr(testdata: Path, models: Path, compute_type: str) -> list[AsrResult]:
    """CER of ours and of the peer at 16 kHz, and with everything above 4 kHz removed."""
    whisper = load_whisper(models, compute_type=compute_type, threads=1)
    transcriber = WhisperTranscriber(whisper, WhisperTranscriberConfig())
    detector = FsmnVad(models, config=VadConfig(), threads=1)
    wideband = read_utterances(testdata / "asr_zh")
    results: list[AsrResult] = []
    for rate_hz in (SAMPLE_RATE_HZ, 8_000):
        utterances = [_through(utterance, rate_hz) for utterance in wideband]
        waveforms = [utterance.waveform for utterance in utterances]
        channels = [
            SpeechChannel(waveform, segments, "zh")
            for waveform, segments in zip(waveforms, detector.detect(waveforms), strict=True)
        ]
        ours = [
            "".join(segment.text for segment in segments)
            for segments in transcriber.transcribe(channels)
        ]
        peers = [_transcribe_with_peer(whisper, waveform) for waveform in waveforms]
        for system, texts in (("callqa, VAD + beam 1", ours), ("transcribe, beam 5", peers)):
            cer = character_error_rate([utterance.text for utterance in utterances], texts)
            results.append(AsrResult(system, rate_hz, len(utterances), cer))
    return results


def read_utterances(folder: Path) -> list[Utterance]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    utterances: list[Utterance] = []
    for row in rows:
        audio = decode_file(folder / row["path"])
        (waveform,) = to_16k(audio.samples, audio.sample_rate_hz)
        utterances.append(Utterance(waveform, row["transcript"]))
    return utterances


def character_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """CER: edits per reference character, both texts without punctuation, spaces and case."""
    return jiwer.cer([_bare(text) for text in references], [_bare(text) for text in hypotheses])


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", simplify(text)).lower()


def _through(utterance: Utterance, rate_hz: int) -> Utterance:
    if rate_hz == SAMPLE_RATE_HZ:
        return utterance
    narrow = soxr.resample(utterance.waveform, SAMPLE_RATE_HZ, rate_hz)
    (waveform,) = to_16k(narrow[None], rate_hz)
    return Utterance(waveform, utterance.text)


def _transcribe_with_peer(whisper: WhisperModel, waveform: Waveform) -> str:
    segments, _ = whisper.transcribe(
        waveform,
        language="zh",
        beam_size=5,
        initial_prompt=WhisperTranscriberConfig().prompts["zh"],
    )
    return "".join(segment.text for segment in segments)


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_locations(parser)
    parser.add_argument("--compute-type", default="int8")
    args = parser.parse_args()
    print("| system | band | utterances | CER |\n| --- | --- | --- | --- |")
    for result in evaluate_asr(args.testdata, args.models, args.compute_type):
        print(
            f"| {result.system} ({args.compute_type}) | {result.sample_rate_hz // 1000} kHz "
            f"| {result.utterances} | {result.cer:.3f} |"
        )


if __name__ == "__main__":
    main()
