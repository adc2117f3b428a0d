"""Corpus clips as the recognizer gets them: degraded, cut by the VAD, encoded, cached.

`RECIPES` combine the degradations of `degradations`; the frames are the training data of
`emotion_head`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.audio.segments import cut_segment
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Waveform
from resources.speech_models.emotion.whisper_head import encode_segment
from resources.speech_models.runtime.whisper import load_whisper
from resources.speech_models.vad.detector import FsmnVad, VadConfig
from training.corpora import Clip, read_waveform
from training.degradations import (
    NOISES,
    Surroundings,
    add_noise,
    change_gain,
    change_speed,
    pass_telephone,
    reverberate,
)

Recipe = Callable[[Waveform, Surroundings, np.random.Generator], Waveform]

EDGE_RANGE_DB = 35.0
"""Frames at the edges of a clip that are softer than the loudest by more than this are cut."""


def as_recorded(voice: Waveform, _: Surroundings, random: np.random.Generator) -> Waveform:
    return voice


def over_telephone(voice: Waveform, _: Surroundings, random: np.random.Generator) -> Waveform:
    band_hz = (300.0, 3400.0) if random.random() < 0.4 else None
    law = "ULAW" if random.random() < 0.5 else "ALAW"
    return pass_telephone(change_gain(voice, random.uniform(-12, 6)), law, band_hz)


def by_another_voice(
    voice: Waveform, surroundings: Surroundings, random: np.random.Generator
) -> Waveform:
    voice = change_speed(voice, float(random.uniform(0.88, 1.14)))
    if random.random() < 0.5:
        return over_telephone(voice, surroundings, random)
    return change_gain(voice, random.uniform(-12, 6))


def in_noise(voice: Waveform, surroundings: Surroundings, random: np.random.Generator) -> Waveform:
    noise = surroundings.noises[NOISES[int(random.integers(len(NOISES)))]]
    voice = add_noise(voice, noise, float(random.uniform(3, 25)), random)
    if random.random() < 0.5:
        return over_telephone(voice, surroundings, random)
    return change_gain(voice, random.uniform(-12, 6))


def in_a_room(voice: Waveform, surroundings: Surroundings, random: np.random.Generator) -> Waveform:
    voice = reverberate(voice, surroundings.room)
    if random.random() < 0.5:
        voice = add_noise(voice, surroundings.noises["office"], random.uniform(10, 30), random)
    if random.random() < 0.5:
        return over_telephone(voice, surroundings, random)
    return change_gain(voice, random.uniform(-12, 6))


RECIPES: dict[str, Recipe] = {
    "recorded": as_recorded,
    "telephone": over_telephone,
    "voice": by_another_voice,
    "noise": in_noise,
    "room": in_a_room,
    "joined": by_another_voice,
}


@dataclass(frozen=True)
class ClipSegments:
    """Encoder frames of the segments that the VAD found, row-aligned.

    `frames`: float16 [sum of lengths, 512]; `clip` [n]: index of the (first) clip of each segment;
    `start`, `length` [n]: its rows of `frames`.
    """

    frames: NDArray[np.float16]
    clip: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]

    def each(self) -> Iterator[NDArray[np.float16]]:
        """Frames [T, 512] of one segment after the other."""
        for start, length in zip(self.start, self.length, strict=True):
            yield self.frames[start : start + length]


def utterances(clips: Sequence[Clip], recipe: str) -> Iterator[tuple[int, list[Path]]]:
    """Index of the first clip, and the files that are joined to one utterance."""
    if recipe != "joined":
        yield from ((i, [clip.path]) for i, clip in enumerate(clips))
        return
    random = np.random.default_rng(20)
    order = random.permutation(len(clips))
    groups: dict[tuple[str, str], list[int]] = {}
    for i in order:
        groups.setdefault((clips[i].speaker, clips[i].emotion), []).append(int(i))
    for members in groups.values():
        used = 0
        while used < len(members):
            count = int(random.integers(2, 6))
            part = members[used : used + count]
            used += count
            yield part[0], [clips[i].path for i in part]


def read_utterance(paths: Sequence[Path], random: np.random.Generator) -> Waveform:
    """The clips joined with pauses of up to 0.2 s; without quiet edges where there are several."""
    pieces: list[Waveform] = []
    for path in paths:
        if pieces:
            pause = np.zeros(int(random.uniform(0.0, 0.2) * SAMPLE_RATE_HZ), np.float32)
            pieces.append(pause)
        voice = read_waveform(path)
        pieces.append(trim_quiet_edges(voice) if len(paths) > 1 else voice)
    return np.concatenate(pieces)


def trim_quiet_edges(voice: Waveform) -> Waveform:
    """From the first to the last 20 ms frame within `EDGE_RANGE_DB` of the loudest."""
    frame = SAMPLE_RATE_HZ // 50
    power = np.square(voice[: len(voice) // frame * frame]).reshape(-1, frame).mean(1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-EDGE_RANGE_DB / 10))
    return voice[loud[0] * frame : (loud[-1] + 1) * frame]


_worker: dict[str, Any] = {}


def _load(models: Path, testdata: Path, compute_type: str) -> None:
    _worker["vad"] = FsmnVad(models, config=VadConfig(), threads=1)
    _worker["whisper"] = load_whisper(models, compute_type=compute_type, threads=1)
    _worker["surroundings"] = Surroundings.read(testdata, "training")


def _encode(job: tuple[str, int, list[Path]]) -> tuple[int, list[NDArray[np.float16]]]:
    recipe, index, paths = job
    random = np.random.default_rng(zlib.crc32(f"{recipe} {paths[0].name}".encode()))
    voice = read_utterance(paths, random)
    degraded = RECIPES[recipe](voice, _worker["surroundings"], random)
    (found,) = _worker["vad"].detect([degraded])
    frames = [
        encode_segment(_worker["whisper"], cut_segment(degraded, span)).astype(np.float16)
        for span in found
    ]
    return index, frames


def encode_clips(
    clips: Sequence[Clip],
    recipe: str,
    testdata: Path,
    models: Path,
    cache: Path,
    compute_type: str = "int8",
    workers: int = 2,
) -> None:
    """Degrade, cut and encode every clip by one recipe; writes two files to `cache`.

    Random choices depend on the recipe and the clip's name alone.
    """
    jobs = [(recipe, i, paths) for i, paths in utterances(clips, recipe)]
    with ProcessPoolExecutor(
        workers, get_context("spawn"), _load, (models, testdata, compute_type)
    ) as pool:
        results = list(pool.map(_encode, jobs, chunksize=16))
    cache.mkdir(parents=True, exist_ok=True)
    frames = [segment for _, segments in results for segment in segments]
    np.save(cache / f"{recipe}.frames.npy", np.concatenate(frames))
    np.savez(
        cache / f"{recipe}.index.npz",
        clip=np.array([i for i, segments in results for _ in segments]),
        length=np.array([len(segment) for segment in frames]),
    )


def read_segments(cache: Path, recipe: str) -> ClipSegments:
    """What `encode_clips` wrote; frames stay on disk until they are read."""
    frames = np.load(cache / f"{recipe}.frames.npy", mmap_mode="r")
    index = np.load(cache / f"{recipe}.index.npz")
    length = index["length"]
    return ClipSegments(frames, index["clip"], np.cumsum(length) - length, length)
