"""Long calls are kept on disk between archive and models: the same samples, little memory."""

from __future__ import annotations

import errno
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from resources.storage.spooled_sound import SpooledSound, spool

CALL = np.random.default_rng(5).normal(0, 0.1, (2, 10_000)).astype(np.float32)


def blocks(size: int = 1_700):
    return (CALL[:, start : start + size] for start in range(0, CALL.shape[1], size))


@pytest.mark.parametrize("max_memory_bytes", [0, 30_000, CALL.nbytes])
def test_what_is_read_is_what_was_written_wherever_it_is_kept(tmp_path, max_memory_bytes):
    channels = spool(blocks(), tmp_path, max_memory_bytes=max_memory_bytes)
    assert isinstance(channels[0], SpooledSound) == (max_memory_bytes < CALL.nbytes)
    for channel, samples in zip(channels, CALL, strict=True):
        assert len(channel) == len(samples)
        for part in (slice(0, 1), slice(1_699, 3_401), slice(9_990, 12_000), slice(7, 7)):
            cut = channel[part]
            assert cut.dtype == np.float32
            assert np.array_equal(cut, samples[part])


def test_no_name_of_it_is_ever_seen_in_the_folder(tmp_path):
    channels = spool(blocks(), tmp_path, max_memory_bytes=0)
    assert list(tmp_path.iterdir()) == []
    assert len(channels) == 2


def test_threads_may_read_at_once(tmp_path):
    sound, _ = spool(blocks(), tmp_path, max_memory_bytes=0)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda start: sound[start : start + 10], range(0, 10_000, 10)))
    assert np.array_equal(np.concatenate(parts), CALL[0])


def test_a_step_is_refused_instead_of_being_ignored(tmp_path):
    sound, _ = spool(blocks(), tmp_path, max_memory_bytes=0)
    with pytest.raises(ValueError, match="without a step"):
        _ = sound[0:10:2]


def test_a_full_disk_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(OSError, match=r"No space left on device: .*make room") as raised:
        spool(blocks(), tmp_path, max_memory_bytes=0)
    assert raised.value.errno == errno.ENOSPC
    assert str(tmp_path) in str(raised.value)


def test_memory_does_not_grow_with_the_call(tmp_path):
    block = np.zeros((2, 50_000), np.float32)
    tracemalloc.start()
    try:
        sounds = spool((block.copy() for _ in range(100)), tmp_path, max_memory_bytes=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(sounds[0]) == 5_000_000  # 40 MB in all
    assert peak < 4 << 20
