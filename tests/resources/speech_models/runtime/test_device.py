"""An accelerator belongs to one process at a time, and a batch too large for it costs nothing."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import torch

from resources.speech_models.runtime.device import (
    Device,
    DeviceError,
    DeviceLock,
    MemoryGuard,
    choose_device,
    is_out_of_memory,
    send,
)
from resources.storage.home import REPO

CPU = Device("cpu", "fp32", 1)
ACCELERATOR = Device("mps", "fp32", 1)  # its lock's name asks no driver

HOLD_UNTIL_KILLED = """
import sys
from pathlib import Path
from resources.speech_models.runtime.device import Device, DeviceLock
lock = DeviceLock(Device("mps", "fp32", 1), Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def hold_in_a_process(folder: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_KILLED, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_waits_for_the_accelerator_and_logs_its_holder(tmp_path, caplog):
    """Also where the first one is killed."""
    holder = hold_in_a_process(tmp_path)
    lock = DeviceLock(ACCELERATOR, tmp_path)
    waiter = threading.Thread(target=lock.acquire)
    with caplog.at_level(logging.WARNING, logger="resources.speech_models.runtime.device"):
        waiter.start()
        waiter.join(0.5)
        assert waiter.is_alive()
        assert f"waiting for mps: process {holder.pid} of" in caplog.text
    os.kill(holder.pid, signal.SIGKILL)
    waiter.join(30)
    assert not waiter.is_alive()
    lock.release()
    holder.communicate()


def test_a_released_accelerator_is_free_for_another_process(tmp_path):
    lock = DeviceLock(ACCELERATOR, tmp_path)
    lock.acquire()
    lock.release()
    hold_in_a_process(tmp_path).communicate()


def test_the_models_of_one_process_share_the_accelerator(tmp_path):
    """Until the last of them releases it."""
    first, second = DeviceLock(ACCELERATOR, tmp_path), DeviceLock(ACCELERATOR, tmp_path)
    first.acquire()
    second.acquire()
    first.release()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stderr is not None
    assert f"process {os.getpid()} of" in holder.stderr.readline()
    second.release()
    assert holder.communicate()[0] == "held\n"


def test_a_cpu_is_shared_by_all_processes(tmp_path):
    DeviceLock(CPU, tmp_path / "locks").acquire()
    assert not (tmp_path / "locks").exists()


def test_a_locks_folder_that_cannot_be_used_is_named_with_its_cure(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeviceError, match=r"file.*CALLQA_DEVICE_LOCKS"):
        DeviceLock(ACCELERATOR, tmp_path / "file").acquire()


def test_locks_are_by_default_outside_every_home(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lock = DeviceLock(ACCELERATOR)
    lock.acquire()
    assert (tmp_path / f"callqa-devices-{os.getuid()}" / "mps.lock").is_file()
    lock.release()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_on_a_machine_without_it_is_an_error_with_a_cure():
    with pytest.raises(DeviceError, match=r"'cuda'.*set device to auto or cpu"):
        choose_device("cuda")


def test_auto_finds_a_device_of_this_machine_and_a_precision_that_fits_it():
    device = choose_device()
    if torch.cuda.is_available():
        assert (device.name, device.precision in {"bf16", "fp16"}) == ("cuda:0", True)
    else:
        mps = torch.backends.mps.is_available()
        assert (device.name, device.precision) == ("mps" if mps else "cpu", "fp32")
    assert device.threads == os.cpu_count()


def test_an_unknown_device_is_refused():
    with pytest.raises(DeviceError, match="'gpu'"):
        choose_device("gpu")


def room_for(items: int, calls: list[int]):
    """A computation that raises what torch raises where more items come at once."""

    def compute(batch):
        calls.append(len(batch))
        if len(batch) > items:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return [item * 10 for item in batch]

    return compute


def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_nothing_is_lost():
    guard, calls = MemoryGuard(CPU), []
    assert guard.compute(range(10), room_for(3, calls)) == [item * 10 for item in range(10)]
    assert guard.halvings == 3
    assert calls == [10, 5, 2, 3, 5, 2, 3]
    assert guard.compute(range(3), room_for(3, calls)) == [0, 10, 20]
    assert guard.halvings == 3


def test_one_item_that_does_not_fit_fails_with_a_cure():
    with pytest.raises(DeviceError, match=r"(?s)one item alone.*memory of cpu.*max_segment_s"):
        MemoryGuard(CPU).compute([1, 2], room_for(0, []))


def test_an_error_that_is_not_about_memory_passes_unchanged():
    guard, calls = MemoryGuard(CPU), []

    def compute(batch):
        calls.append(len(batch))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        guard.compute([1, 2], compute)
    assert calls == [2]


def test_a_missing_result_is_an_error():
    with pytest.raises(ValueError, match="1 results for a batch of 2"):
        MemoryGuard(CPU).compute([1, 2], lambda batch: [1])


def test_a_real_failed_allocation_is_recognised():
    """What torch raises on a CPU is a plain RuntimeError."""
    with pytest.raises(RuntimeError) as failed:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(failed.value)
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_is_locked_by_its_own_number_and_its_real_lack_of_memory_is_seen(tmp_path):
    device = choose_device("cuda")
    lock = DeviceLock(device, tmp_path)
    lock.acquire()
    number = str(torch.cuda.get_device_properties(device.name).uuid)
    assert [path.name for path in tmp_path.glob("*.lock")] == [f"cuda-{number}.lock"]
    lock.release()

    room, _ = torch.cuda.mem_get_info(device.name)
    guard = MemoryGuard(device)

    def compute(batch: list[int]) -> list[int]:
        """Each item takes two fifths of the memory that there was."""
        held = torch.empty(len(batch) * room * 2 // 5, dtype=torch.uint8, device=device.name)
        return [int(held.numel() > 0)] * len(batch)

    assert guard.compute([0] * 4, compute) == [1] * 4
    assert guard.halvings == 1


@pytest.mark.parametrize(("device", "goes_on"), [("cuda:1", True), ("mps", False), ("cpu", False)])
def test_the_host_waits_until_its_memory_was_read_where_the_device_does_not_keep_it(
    device, goes_on, monkeypatch
):
    asked: list[object] = []
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, *where, **how: asked.append((where, how)) or self
    )
    send(torch.zeros(1), device)
    assert asked == [((device,), {"non_blocking": goes_on})]


def test_every_copy_to_a_device_goes_through_that():
    folder = REPO / "resources" / "speech_models"
    copies = {
        path.name for path in folder.rglob("*.py") if "non_blocking=True" in path.read_text("utf-8")
    }
    assert copies == {"emotion2vec.py"}  # from the device, into pinned memory, behind an event
