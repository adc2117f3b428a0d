"""Decoded sound between archive and models: in memory, or in an unnamed file where a call is long.

A call of three hours in stereo is 1.4 GB at 16 kHz, and models look at seconds of it at a time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from callqa_assets.domain.speech import ChannelSound, Waveform

MAX_MEMORY_BYTES = 64 << 20
"""Of one call, all channels: 17 min of mono, 9 min of stereo. Longer ones go to disk."""

_SAMPLE_BYTES = 4


@dataclass(frozen=True)
class SpooledSound:
    """One channel in an unnamed file, which vanishes with the last reference, or the process.

    A ChannelSound; several threads may read it at once.
    """

    _file: IO[bytes]
    _samples: int

    def __len__(self) -> int:
        return self._samples

    def __getitem__(self, part: slice, /) -> Waveform:
        """A copy of the part. Raises ValueError for a step, OSError where the disk fails."""
        start, stop, step = part.indices(self._samples)
        if step != 1:
            raise ValueError("sound on disk is read without a step")
        samples = np.empty(max(0, stop - start), np.float32)
        read = os.preadv(self._file.fileno(), [samples.data], start * _SAMPLE_BYTES)
        if read != samples.nbytes:
            raise OSError(f"{read} of {samples.nbytes} bytes of decoded sound could be read")
        return samples


def spool(
    blocks: Iterable[Waveform], folder: Path, *, max_memory_bytes: int = MAX_MEMORY_BYTES
) -> list[ChannelSound]:
    """The channels of blocks of shape [channels, n], at least one.

    Above `max_memory_bytes` they are written to files in `folder`, without a name: nothing is left
    of them, even after a kill. Raises OSError, as where the disk is full, and what `blocks` raises.
    """
    held: list[Waveform] = []
    files: list[IO[bytes]] = []
    length = 0
    for block in blocks:
        length += block.shape[1]
        held.append(block)
        if files or length * len(block) * _SAMPLE_BYTES > max_memory_bytes:
            try:
                # They live as long as the sound.
                files = files or [tempfile.TemporaryFile(dir=folder) for _ in block]  # noqa: SIM115
                _move(held, files)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"{error.strerror}: decoded sound of a long call is kept in {folder} while it "
                    "is computed; make room for 64 kB a second and channel",
                ) from error
    if files:
        return [SpooledSound(file, length) for file in files]
    return [np.concatenate(parts) for parts in zip(*held, strict=True)]


def _move(held: list[Waveform], files: list[IO[bytes]]) -> None:
    """Append the blocks to the channels' files; they are readable at once."""
    for block in held:
        for file, channel in zip(files, block, strict=True):
            file.write(np.ascontiguousarray(channel).data)
    held.clear()
    for file in files:
        file.flush()
