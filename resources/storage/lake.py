"""Data too large for SQL: emotion tracks as Parquet, embeddings as npy.

One file of tracks per batch, named in `stage_runs`; one of embeddings per recording, named in its
rows of `emotion_scores`. A file never changes, and is synced before the commit that names it.
"""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.call_input import ChannelTrack
from resources.storage.atomic import write_atomically
from resources.storage.home import Home

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
"""Longer than any lease: no file of this age is of a batch that still runs."""


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
        with write_atomically(path) as file:
            table.write_parquet(file)
        return str(path.relative_to(self._home.root))

    def read(self, artifacts: Mapping[str, str]) -> dict[str, list[ChannelTrack]]:
        """Recordings' tracks, each from the artifact that the ledger names for it.

        Raises FileNotFoundError naming the file.
        """
        paths = {artifact: str(self._home.root / artifact) for artifact in artifacts.values()}
        for path in paths.values():
            if not Path(path).is_file():
                raise FileNotFoundError(f"{path} is gone: compute the emotions of its day again")
        tracks: dict[str, list[ChannelTrack]] = {recording_id: [] for recording_id in artifacts}
        if not artifacts:
            return tracks
        table = (
            pl.scan_parquet(list(paths.values()), glob=False, include_file_paths="path")
            .filter(pl.col("recording_id").is_in(list(artifacts)))
            .collect()
        )
        for path, recording_id, track in _cut(table):
            # An older file may hold the recording, too: it is kept for others in it.
            if path == paths[artifacts[recording_id]]:
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
        with write_atomically(path) as file:
            file.write(content.getbuffer())
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
        """One of 256: folders of millions of files are slow to list."""
        return self._home.embeddings / recording_id[:2]

    def _remove_orphans(self, paths: Iterable[Path], named: set[str]) -> list[str]:
        removed: list[str] = []
        for path in paths:
            relative = str(path.relative_to(self._home.root))
            if relative in named:
                continue
            with suppress(FileNotFoundError):  # a file of another run: finished, or swept by it
                if time.time() - path.stat().st_mtime > _ORPHAN_AGE_S:
                    path.unlink()
                    removed.append(relative)
        return removed


def _cut(table: pl.DataFrame) -> Iterator[tuple[str, str, ChannelTrack]]:
    """Path, recording and track of each stretch of rows of the same file, recording, channel."""
    same = pl.struct("path", "recording_id", "channel").rle_id()
    begins = np.flatnonzero(np.diff(table.select(same).to_series().to_numpy(), prepend=-1.0))
    heads = table[begins].select("path", "recording_id", "channel", "hop_s").rows()
    segment_no = table["segment_no"].to_numpy()
    start_s, end_s = table["start_s"].to_numpy(), table["end_s"].to_numpy()
    posteriors = table.select(EMOTIONS).to_numpy()
    ends = np.append(begins[1:], len(table))
    for (path, recording_id, channel, hop_s), first, last in zip(heads, begins, ends, strict=True):
        rows = slice(first, last)
        yield (
            path,
            recording_id,
            ChannelTrack(
                channel, segment_no[rows], start_s[rows], end_s[rows], posteriors[rows], hop_s
            ),
        )
