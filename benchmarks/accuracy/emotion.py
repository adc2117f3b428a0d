"""Emotion on speakers that are not in the training data, through detector and recognizer.

    python -m benchmarks.accuracy.emotion [--testdata DIR] [--models DIR] [--compute-type int8]

prints a Markdown table for benchmarks/RESULTS.md. Clips are cut by the VAD; a clip that it splits
gets the duration-weighted mean of its segments' posteriors, and one without detected speech counts
as an error.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.locations import add_locations
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import LabelConfig, WindowConfig
from callqa_assets.domain.speech import SpeechChannel, Waveform
from resources.speech_models.emotion.whisper_head import WhisperEmotionRecognizer
from resources.speech_models.protocols import SpeechDetector
from resources.speech_models.runtime.whisper import load_whisper
from resources.speech_models.vad.detector import FsmnVad, VadConfig
from training.corpora import CORPORA, Clip, read_clips, read_waveform
from training.degradations import Surroundings, add_noise, pass_telephone, reverberate
from training.scoring import expected_calibration_error, unweighted_average_recall

Condition = Callable[[Waveform, Surroundings, np.random.Generator], Waveform]

CONDITIONS: dict[str, Condition] = {
    "clean 16 kHz": lambda voice, _s, _r: voice,
    "8 kHz G.711 µ-law": lambda voice, _s, _r: pass_telephone(voice, "ULAW"),
    "8 kHz G.711 A-law": lambda voice, _s, _r: pass_telephone(voice, "ALAW"),
    "office noise 10 dB": lambda voice, s, r: add_noise(voice, s.noises["office"], 10, r),
    "office noise 10 dB, G.711 µ-law": lambda voice, s, r: pass_telephone(
        add_noise(voice, s.noises["office"], 10, r), "ULAW"
    ),
    "speakerphone, G.711 µ-law": lambda voice, s, _r: pass_telephone(
        reverberate(voice, s.room), "ULAW"
    ),
}


@dataclass(frozen=True)
class EmotionResult:
    """Figures of one corpus under one condition."""

    corpus: str
    condition: str
    clips: int
    not_found: int
    """Clips in which the VAD found no speech; errors in `uar` and `accuracy`."""
    uar: float
    accuracy: float
    ece: float
    """Over the clips in which speech was found."""
    abstained: float
    """Share of found clips whose label is `unknown`."""
    uar_answered: float
    """UAR over the found clips that were not abstained from."""
    confusion: NDArray[np.int64]
    """Shape [9, 10]: true emotion by top emotion; the last column is 'not found'."""


def evaluate(testdata: Path, models: Path, compute_type: str = "int8") -> list[EmotionResult]:
    """Every corpus under every condition, test speakers only."""
    detector = FsmnVad(models, config=VadConfig(), threads=1)
    whisper = load_whisper(models, compute_type=compute_type, threads=1)
    recognizer = WhisperEmotionRecognizer(whisper, windows=WindowConfig(), workers=1)
    surroundings = Surroundings.read(testdata, "evaluation")
    clips = [clip for clip in read_clips(testdata) if clip.split == "test"]
    results: list[EmotionResult] = []
    for corpus in CORPORA:
        own = [clip for clip in clips if clip.corpus == corpus]
        for name, condition in CONDITIONS.items():
            posteriors = [
                score_clip(clip, condition, surroundings, detector, recognizer) for clip in own
            ]
            results.append(summarize(corpus, name, own, posteriors))
    return results


def score_clip(
    clip: Clip,
    condition: Condition,
    surroundings: Surroundings,
    detector: SpeechDetector,
    recognizer: WhisperEmotionRecognizer,
) -> NDArray[np.float64] | None:
    """Posterior [9] of a clip, None where no speech was found."""
    random = np.random.default_rng(zlib.crc32(clip.path.name.encode()))
    voice = condition(read_waveform(clip.path), surroundings, random)
    (segments,) = detector.detect([voice])
    if not segments:
        return None
    (found,) = recognizer.recognize([SpeechChannel(voice, segments)])
    seconds = np.array([segment.end_s - segment.start_s for segment in segments])
    return (seconds / seconds.sum()) @ np.stack([emotion.scores for emotion in found])


def summarize(
    corpus: str,
    condition: str,
    clips: Sequence[Clip],
    posteriors: Sequence[NDArray[np.float64] | None],
) -> EmotionResult:
    truth = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
    not_found = len(EMOTIONS)
    guess = np.array([not_found if p is None else int(p.argmax()) for p in posteriors])
    found = guess != not_found
    scores = np.array([p for p in posteriors if p is not None])
    answered = found.copy()
    answered[found] = scores.max(axis=1) >= LabelConfig().floor
    confusion = np.zeros((len(EMOTIONS), len(EMOTIONS) + 1), np.int64)
    np.add.at(confusion, (truth, guess), 1)
    return EmotionResult(
        corpus=corpus,
        condition=condition,
        clips=len(clips),
        not_found=int((~found).sum()),
        uar=unweighted_average_recall(truth, guess),
        accuracy=float((guess == truth).mean()),
        ece=expected_calibration_error(truth[found], scores),
        abstained=float(1 - answered.sum() / found.sum()),
        uar_answered=unweighted_average_recall(truth[answered], guess[answered]),
        confusion=confusion,
    )


def to_markdown(results: Sequence[EmotionResult]) -> str:
    """One table of figures, then the confusion of each corpus in its first condition."""
    lines = [
        "| corpus | condition | clips | no speech found | classes | UAR | accuracy | ECE "
        "| abstained | UAR where answered |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for r in results:
        classes = int((r.confusion.sum(axis=1) > 0).sum())
        lines.append(
            f"| {r.corpus} | {r.condition} | {r.clips} | {r.not_found} | {classes} | {r.uar:.3f} "
            f"| {r.accuracy:.3f} | {r.ece:.3f} | {r.abstained:.3f} | {r.uar_answered:.3f} |"
        )
    shown: set[str] = set()
    for r in results:
        if r.corpus not in shown:
            shown.add(r.corpus)
            lines += ["", f"{r.corpus}, {r.condition}: true emotion (rows) by top posterior", ""]
            lines += confusion_table(r.confusion)
    return "\n".join(lines)


def confusion_table(confusion: NDArray[np.int64]) -> list[str]:
    columns = np.flatnonzero(confusion.sum(axis=0))
    names = [*EMOTIONS, "no speech"]
    header = "| | " + " | ".join(names[c] for c in columns) + " |"
    rows = [
        f"| {names[t]} | " + " | ".join(str(confusion[t, c]) for c in columns) + " |"
        for t in np.flatnonzero(confusion.sum(axis=1))
    ]
    return [header, "|---|" + "---:|" * len(columns), *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description="Emotion figures on unseen speakers.")
    add_locations(parser)
    parser.add_argument("--compute-type", default="int8", help="of the encoder: int8 or float32")
    options = parser.parse_args()
    print(to_markdown(evaluate(options.testdata, options.models, options.compute_type)))


if __name__ == "__main__":
    main()
