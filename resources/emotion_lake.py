"""What is too much for SQL: emotion tracks as Parquet, embeddings as npy.

One file of tracks a batch, named in `stage_runs`; one of embeddings a recording, named in its rows
of `emotion_scores`. A file never changes once written, and is on disk before what names it commits.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callqa_assets.domain.emotion_labels import EMOTIONS
from callqa_assets.domain.heard import ChannelTrack
from resources.home import Home

SCHEMA = {
    "recording_id": pl.String,
    "channel": pl.Int32,
    "segment_no": pl.Int32,
    "start_s": pl.Float64,
    "end_s": pl.Float64,
    "hop_s": pl.Float64,
    **dict.fromkeys(EMOTIONS, pl.Float32),
}
_ORPHAN_AGE_S = 24 * 3600
"""Older than any lease: no batch that still runs has written it."""


class EmotionLake:
    """The tracks and embeddings of one home. A reader opens only files that the warehouse names."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def write(self, tracks: dict[str, list[ChannelTrack]]) -> str:
        """Store a batch's tracks by recording; returns the file's path relative to the home.

        The file is whole and on disk when this returns, so that a commit may name it.
        """
        frames = [
            pl.DataFrame(
                {
                    "recording_id": [recording_id] * len(track.segment_no),
                    "channel": [track.channel] * len(track.segment_no),
                    "segment_no": track.segment_no,
                    "start_s": track.start_s,
                    "end_s": track.end_s,
                    "hop_s": [track.hop_s] * len(track.segment_no),
                    **{e: track.posteriors[:, i] for i, e in enumerate(EMOTIONS)},
                },
                schema=SCHEMA,
            )
            for recording_id, parts in sorted(tracks.items())
            for track in parts
        ]
        path = self._home.emotion_tracks / f"{uuid.uuid4().hex}.parquet"
        table = pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)
        _write_whole(path, table.write_parquet)
        return str(path.relative_to(self._home.root))

    def read(self, artifacts: Mapping[str, str]) -> dict[str, list[ChannelTrack]]:
        """Recordings' tracks, each from the artifact that the ledger names for it.

        Raises FileNotFoundError naming the file.
        """
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for recording_id, artifact in artifacts.items():
            wanted[artifact].append(recording_id)
        tracks: dict[str, list[ChannelTrack]] = {recording_id: [] for recording_id in artifacts}
        for artifact, ids in wanted.items():
            table = _read_file(self._home.root / artifact)
            for recording_id, track in _cut(table.filter(pl.col("recording_id").is_in(ids))):
                tracks[recording_id].append(track)
        return tracks

    def write_embeddings(self, recording_id: str, embeddings: NDArray[np.float32]) -> str:
        """Store a recording's embeddings [segments, features], in the order of its segments.

        Returns the path relative to the home. Its name holds the content's hash: another model's
        embeddings go beside these, which committed rows may still name.
        """
        content = io.BytesIO()
        np.save(content, embeddings)
        digest = hashlib.sha256(content.getbuffer()).hexdigest()[:16]
        path = self._folder_of_embeddings(recording_id) / f"{recording_id}.{digest}.npy"
        _write_whole(path, lambda file: file.write(content.getbuffer()))
        return str(path.relative_to(self._home.root))

    def sweep(self, named: set[str]) -> list[str]:
        """Remove old tracks that the ledger does not name: left by killed runs, or replaced."""
        return self._remove_orphans(self._home.emotion_tracks.glob("*"), named)

    def sweep_embeddings(self, named: Mapping[str, set[str]]) -> list[str]:
        """Remove old embeddings of these recordings that none of their rows names.

        `named` holds the paths in the rows, by recording.
        """
        folders = {self._folder_of_embeddings(recording_id) for recording_id in named}
        found = (
            path
            for folder in folders
            for path in folder.glob("*")
            if path.name.partition(".")[0] in named
        )
        return self._remove_orphans(found, set().union(*named.values()))

    def _folder_of_embeddings(self, recording_id: str) -> Path:
        """One of 256: file systems and people dislike folders of millions."""
        return self._home.embeddings / recording_id[:2]

    def _remove_orphans(self, paths: Iterable[Path], named: set[str]) -> list[str]:
        removed: list[str] = []
        for path in paths:
            relative = str(path.relative_to(self._home.root))
            if relative not in named and time.time() - path.stat().st_mtime > _ORPHAN_AGE_S:
                path.unlink()
                removed.append(relative)
        return removed


def _write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """A file that is there is whole and on disk, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    with partial.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


@functools.lru_cache(maxsize=8)
def _read_file(path: Path) -> pl.DataFrame:
    # A file never changes once written, and a day's recordings share few files.
    return pl.read_parquet(path)


def _cut(table: pl.DataFrame) -> Iterator[tuple[str, ChannelTrack]]:
    """One track for each stretch of rows of the same recording and channel."""
    if table.is_empty():
        return
    channel = table["channel"].to_numpy()
    segment_no = table["segment_no"].to_numpy()
    start_s, end_s = table["start_s"].to_numpy(), table["end_s"].to_numpy()
    posteriors = table.select(EMOTIONS).to_numpy()
    number = table.select(pl.struct("recording_id", "channel").rle_id()).to_series().to_numpy()
    begins = np.flatnonzero(np.diff(number, prepend=-1.0))
    for first, last in zip(begins, np.append(begins[1:], len(table)), strict=True):
        yield (
            table["recording_id"][int(first)],
            ChannelTrack(
                channel=int(channel[first]),
                segment_no=segment_no[first:last],
                start_s=start_s[first:last],
                end_s=end_s[first:last],
                posteriors=posteriors[first:last],
                hop_s=table["hop_s"][int(first)],
            ),
        )
