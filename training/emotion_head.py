"""Train the emotion head of the compact profile.

    python -m training.emotion_head --cache DIR [--testdata DIR] [--models DIR] [--out FILE]

1. Clips of all speakers but the test speakers are degraded, cut by the VAD and encoded exactly as
   at inference (`clip_frames`), and cached.
2. Cross-validation over speakers gives every clip a score from heads not trained on its speaker:
   temperature and abstention floor are chosen on these, and nothing on the test speakers.
3. The shipped head is trained on all these speakers with the same settings; `heads` seeds are
   averaged, which gives one wider head.

Figures on the test speakers come from `benchmarks.accuracy.emotion`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import nn

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import WindowConfig, windowed_pool
from resources.speech_models.emotion.whisper_head import HEAD_WEIGHTS, EmotionHead
from resources.storage.hashing import hash_content
from training.clip_frames import RECIPES, ClipSegments, encode_clips, read_segments
from training.corpora import Clip, read_clips
from training.scoring import expected_calibration_error, unweighted_average_recall

REPO = Path(__file__).resolve().parents[1]

BLOCK_FRAMES = 5
"""Crops begin and end on blocks of 0.1 s, so that pooling one takes two look-ups."""

TRAINED = tuple(name for name in EMOTIONS if name not in ("other", "unknown"))
"""The corpora have no clips of the other two."""

CALIBRATED_ON = ("recorded", "telephone")
FLOORS = (0.3, 0.35, 0.4, 0.45, 0.5)


@dataclass(frozen=True)
class TrainingConfig:
    hidden: int = 256
    heads: int = 3
    epochs: int = 20
    crops_per_epoch: int = 12_000
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    input_dropout: float = 0.2
    hidden_dropout: float = 0.5
    label_smoothing: float = 0.1
    crop_min_sec: float = 1.5
    crop_max_sec: float = 4.0
    whole_share: float = 0.25
    """Share of the training examples that are whole segments instead of crops."""
    folds: int = 7
    """As many as nEMO has training speakers: fold heads see nearly the data of the shipped one."""
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """Segments of one recipe, ready to be cropped and pooled."""

    sums: NDArray[np.float32]
    """Running sums of x and x² over blocks, shape [blocks + segments, 2 · 512]."""
    first: NDArray[np.int64]
    blocks: NDArray[np.int64]
    emotion: NDArray[np.int64]
    """Index into `TRAINED`."""
    corpus: NDArray[np.str_]
    speaker: NDArray[np.str_]

    @classmethod
    def of(cls, segments: ClipSegments, clips: Sequence[Clip]) -> Examples:
        usable = np.flatnonzero(segments.length >= BLOCK_FRAMES)
        blocks = segments.length[usable] // BLOCK_FRAMES
        first = np.cumsum(blocks + 1) - (blocks + 1)
        sums = np.zeros((int((blocks + 1).sum()), 1024), np.float32)
        for segment, row, count in zip(usable, first, blocks, strict=True):
            start = segments.start[segment]
            frames = segments.frames[start : start + count * BLOCK_FRAMES].astype(np.float32)
            block = frames.reshape(count, BLOCK_FRAMES, -1)
            both = np.concatenate([block.sum(1), np.square(block).sum(1)], axis=1)
            np.cumsum(both, axis=0, out=sums[row + 1 : row + 1 + count])
        of = [clips[i] for i in segments.clip[usable]]
        return cls(
            sums,
            first,
            blocks,
            np.array([TRAINED.index(clip.emotion) for clip in of]),
            np.array([clip.corpus for clip in of]),
            np.array([clip.speaker for clip in of]),
        )

    def crop(
        self, rows: NDArray[np.integer], config: TrainingConfig, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """Pool a random crop of each row's segment, shape [len(rows), 2 · 512]."""
        have = self.blocks[rows]
        per_sec = WindowConfig().frame_rate_hz / BLOCK_FRAMES
        length_sec = random.uniform(config.crop_min_sec, config.crop_max_sec, len(rows))
        width = np.clip(np.round(length_sec * per_sec).astype(int), 1, have)
        width = np.where(random.random(len(rows)) < config.whole_share, have, width)
        start = self.first[rows] + np.floor(random.random(len(rows)) * (have - width + 1)).astype(
            int
        )
        total = self.sums[start + width] - self.sums[start]
        mean, power = np.split(total / (width * BLOCK_FRAMES)[:, None], 2, axis=1)
        deviation = np.sqrt(np.maximum(power - np.square(mean), 0))
        return np.concatenate([mean, deviation], axis=1).astype(np.float32)


def train_head(
    examples: Mapping[str, Examples], without: Sequence[str], config: TrainingConfig
) -> EmotionHead:
    """Average of `config.heads` heads, trained on every speaker but `without`."""
    heads = [_train_one(examples, without, config, config.seed + i) for i in range(config.heads)]
    return EmotionHead(
        TRAINED,
        np.concatenate([head.hidden for head in heads]),
        np.concatenate([head.hidden_bias for head in heads]),
        np.concatenate([head.output for head in heads], axis=1) / len(heads),
        np.mean([head.output_bias for head in heads], axis=0),
    )


def _train_one(
    examples: Mapping[str, Examples], without: Sequence[str], config: TrainingConfig, seed: int
) -> EmotionHead:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    recipes = list(examples.values())
    rows = [np.flatnonzero(~np.isin(e.speaker, list(without))) for e in recipes]
    recipe = np.repeat(np.arange(len(recipes)), [len(r) for r in rows])
    row = np.concatenate(rows)
    emotion = np.concatenate([e.emotion[r] for e, r in zip(recipes, rows, strict=True)])
    corpus = np.concatenate([e.corpus[r] for e, r in zip(recipes, rows, strict=True)])
    chance = _balance(emotion, corpus)

    def draw() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        picked = random.choice(len(row), config.crops_per_epoch, p=chance)
        pooled = np.empty((len(picked), 1024), np.float32)
        for number, source in enumerate(recipes):
            here = recipe[picked] == number
            pooled[here] = source.crop(row[picked[here]], config, random)
        return pooled, emotion[picked]

    sample, _ = draw()
    mean, scale = sample.mean(axis=0), sample.std(axis=0) + 1e-5
    network = nn.Sequential(
        nn.Dropout(config.input_dropout),
        nn.Linear(1024, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.hidden_dropout),
        nn.Linear(config.hidden, len(TRAINED)),
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    steps = config.epochs * (config.crops_per_epoch // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=steps, pct_start=0.1
    )
    for _ in range(config.epochs):
        pooled, truth = draw()
        inputs, targets = torch.from_numpy((pooled - mean) / scale), torch.from_numpy(truth)
        for start in range(0, len(inputs) - config.batch + 1, config.batch):
            batch = slice(start, start + config.batch)
            loss = loss_of(network(inputs[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    hidden, bias, output, output_bias = (p.detach().double().numpy() for p in network.parameters())
    hidden = hidden / scale
    return EmotionHead(TRAINED, hidden, bias - hidden @ mean, output, output_bias)


def _balance(emotion: NDArray[np.int64], corpus: NDArray[np.str_]) -> NDArray[np.float64]:
    """Probability of drawing each example: every emotion of every corpus is drawn equally often."""
    names, cell = np.unique(
        [f"{c} {e}" for c, e in zip(corpus, emotion, strict=True)], return_inverse=True
    )
    chance = 1 / np.bincount(cell)[cell]
    return chance / len(names)


def folds_by_speaker(clips: Sequence[Clip], folds: int) -> list[list[str]]:
    """Speakers left out in each fold; every corpus is spread over the folds."""
    left_out: list[list[str]] = [[] for _ in range(folds)]
    for corpus in sorted({clip.corpus for clip in clips}):
        for i, speaker in enumerate(sorted({c.speaker for c in clips if c.corpus == corpus})):
            left_out[i % folds].append(speaker)
    return left_out


def pooled_segments(segments: ClipSegments) -> NDArray[np.float64]:
    """Whole segments pooled as at inference, shape [n, 2 · 512]."""
    return np.concatenate(
        [
            windowed_pool(frames, np.array([0]), np.array([len(frames)]))
            for frames in segments.each()
        ]
    )


def with_temperature(head: EmotionHead, temperature: float) -> EmotionHead:
    return EmotionHead(
        head.emotions,
        head.hidden,
        head.hidden_bias,
        head.output / temperature,
        head.output_bias / temperature,
    )


def write_head(head: EmotionHead, path: Path, notes: Mapping[str, str]) -> None:
    names = ("hidden", "hidden_bias", "output", "output_bias")
    tensors = {name: np.ascontiguousarray(getattr(head, name), np.float32) for name in names}
    save_file(tensors, path, {"emotions": json.dumps(list(head.emotions)), **notes})


@dataclass(frozen=True)
class HeldOut:
    """Scores of the segments of one recipe, each by a head not trained on its speaker."""

    corpus: NDArray[np.str_]
    truth: NDArray[np.int64]
    """Index into `TRAINED`."""
    logs: NDArray[np.float64]
    """Log posteriors before calibration, shape [n, 7]."""

    def posteriors(self, temperature: float) -> NDArray[np.float64]:
        weights = np.exp(self.logs / temperature)
        return weights / weights.sum(axis=1, keepdims=True)


def score_held_out(
    segments: ClipSegments,
    clips: Sequence[Clip],
    folds: Sequence[Sequence[str]],
    heads: Sequence[EmotionHead],
) -> HeldOut:
    of = [clips[i] for i in segments.clip]
    speaker = np.array([clip.speaker for clip in of])
    pooled = pooled_segments(segments)
    columns = [EMOTIONS.index(name) for name in TRAINED]
    logs = np.zeros((len(of), len(TRAINED)))
    for left_out, head in zip(folds, heads, strict=True):
        held = np.isin(speaker, left_out)
        posteriors = head.posteriors(pooled[held])[:, columns].astype(np.float64)
        logs[held] = np.log(np.maximum(posteriors, 1e-12))
    return HeldOut(
        np.array([clip.corpus for clip in of]),
        np.array([TRAINED.index(clip.emotion) for clip in of]),
        logs,
    )


def fit_temperature(held_out: Sequence[HeldOut]) -> float:
    """Temperature with the lowest log loss (Guo et al. 2017); the corpora have equal weight."""
    logs = np.concatenate([scores.logs for scores in held_out])
    truth = np.concatenate([scores.truth for scores in held_out])
    corpus = np.concatenate([scores.corpus for scores in held_out])
    weight = _balance(np.zeros_like(truth), corpus)

    def loss(temperature: float) -> float:
        scaled = logs / temperature
        top = scaled.max(axis=1)
        norm = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
        return float(np.average(norm - scaled[np.arange(len(truth)), truth], weights=weight))

    return float(min(np.arange(0.4, 3.0, 0.02), key=loss))


def report_held_out(recipe: str, held_out: HeldOut, temperature: float) -> None:
    """Print recall, calibration, and what each abstention floor would give."""
    for corpus in np.unique(held_out.corpus):
        here = held_out.corpus == corpus
        truth, scores = held_out.truth[here], held_out.posteriors(temperature)[here]
        right = scores.argmax(axis=1) == truth
        uar = unweighted_average_recall(truth, scores.argmax(axis=1))
        ece = expected_calibration_error(truth, scores)
        print(f"held-out speakers, {corpus}, {recipe}: UAR {uar:.3f}, ECE {ece:.3f}")
        for floor in FLOORS:
            sure = scores.max(axis=1) >= floor
            print(
                f"  floor {floor}: {1 - sure.mean():.3f} unknown, "
                f"accuracy {right[sure].mean():.3f} above, {right[~sure].mean():.3f} below"
            )


def main() -> None:
    options = _read_options()
    config = TrainingConfig(seed=options.seed)
    clips = [clip for clip in read_clips(options.testdata) if clip.split == "train"]
    stored: dict[str, ClipSegments] = {}
    for recipe in RECIPES:
        if not (options.cache / f"{recipe}.index.npz").exists():
            print(f"encoding {len(clips)} clips: {recipe}", flush=True)
            encode_clips(clips, recipe, options.testdata, options.models, options.cache)
        stored[recipe] = read_segments(options.cache, recipe)
    examples = {recipe: Examples.of(segments, clips) for recipe, segments in stored.items()}

    folds = folds_by_speaker(clips, config.folds)
    fold_heads: list[EmotionHead] = []
    for number, left_out in enumerate(folds, start=1):
        print(f"fold {number}/{len(folds)}: without {', '.join(left_out)}", flush=True)
        fold_heads.append(train_head(examples, left_out, config))
    held_out = {r: score_held_out(stored[r], clips, folds, fold_heads) for r in CALIBRATED_ON}
    temperature = fit_temperature(list(held_out.values()))
    print(f"temperature {temperature:.2f}")
    for recipe, scores in held_out.items():
        report_held_out(recipe, scores, temperature)

    print(f"shipped head: {len({clip.speaker for clip in clips})} speakers", flush=True)
    head = with_temperature(train_head(examples, [], config), temperature)
    notes = {"temperature": f"{temperature:.2f}", "training": json.dumps(asdict(config))}
    write_head(head, options.out, notes)
    for number, fold_head in enumerate(fold_heads):
        path = options.cache / f"fold_{number}.safetensors"
        write_head(with_temperature(fold_head, temperature), path, notes)
    size_bytes, sha256 = options.out.stat().st_size, hash_content(options.out)
    print(f"{options.out}: {size_bytes:,} bytes, SHA-256 {sha256}")


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the emotion head of the compact profile.")
    parser.add_argument(
        "--testdata",
        type=Path,
        default=Path(os.environ.get("CALLQA_TESTDATA", REPO.parent / "shared" / "testdata")),
        help="folder with emotion/ and noise/ (default: CALLQA_TESTDATA, else ../shared/testdata)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path(os.environ.get("CALLQA_MODELS", REPO / "models")),
        help="folder that `callqa models pull` filled (default: CALLQA_MODELS, else ./models)",
    )
    parser.add_argument(
        "--cache", type=Path, required=True, help="folder for encoded clips (3.5 GB)"
    )
    parser.add_argument("--out", type=Path, default=HEAD_WEIGHTS, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=TrainingConfig.seed)
    return parser.parse_args()


if __name__ == "__main__":
    main()
