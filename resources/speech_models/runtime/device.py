"""Devices: choice, precision, locks between processes, and batches that fit into memory.

torch is imported only when it is needed.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from filelock import FileLock, Timeout

from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.domain.errors import CallqaError

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "fp16", "bf16"]
AskedPrecision = Literal["auto", "fp32", "fp16", "bf16"]

DEVICE_PATTERN = r"auto|cpu|mps|cuda(:\d+)?"
"""Values of `device` in a profile."""

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class DeviceError(CallqaError):
    """There is no such device, or its memory does not suffice; the message states the cure."""


@dataclass(frozen=True)
class Device:
    """The device on which a model computes, and its precision."""

    name: str
    """As torch names it: `cpu`, `mps`, `cuda:0`."""
    precision: Precision
    threads: int
    """CPU threads of torch, for the whole process."""

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def is_accelerator(self) -> bool:
        return self.kind != "cpu"

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch names it."""
        import torch

        return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[
            self.precision
        ]


def choose_device(
    asked: str = "auto", precision: AskedPrecision = "auto", threads: int = 0
) -> Device:
    """The device for `auto`, `cpu`, `mps`, `cuda` or `cuda:1`; `threads` 0 means every core.

    `auto` is CUDA, else MPS, else the CPU. Precision `auto` is bf16 on a CUDA device that supports
    it, fp16 on an older one, fp32 elsewhere. Raises DeviceError where the machine lacks the device,
    or the device the precision.
    """
    if not re.fullmatch(DEVICE_PATTERN, asked):
        raise DeviceError(f"no device is named {asked!r}: use auto, cpu, mps, cuda or cuda:1")
    name = asked if asked == "cpu" else _find(asked)
    return Device(name, _find_precision(name, precision), threads or os.cpu_count() or 1)


def _find(asked: str) -> str:
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if asked == "auto":
        return "cuda:0" if cuda else "mps" if mps else "cpu"
    if asked == "mps":
        if not mps:
            raise DeviceError("this machine has no Apple GPU (MPS): set device to auto or cpu")
        return "mps"
    if not cuda:
        build = torch.version.cuda
        cause = (
            f"torch is built for CUDA {build}, but no driver or GPU answers: check `nvidia-smi`"
            if build
            else "the installed torch is a build without CUDA: install the CUDA build of torch"
        )
        raise DeviceError(f"device {asked!r} is asked for; {cause}, or set device to auto or cpu")
    number = int(asked.partition(":")[2] or 0)
    if number >= torch.cuda.device_count():
        raise DeviceError(
            f"device {asked!r} is asked for, but torch sees {torch.cuda.device_count()} CUDA "
            "device(s): count from 0, and check CUDA_VISIBLE_DEVICES"
        )
    return f"cuda:{number}"


def _find_precision(name: str, asked: AskedPrecision) -> Precision:
    if not name.startswith("cuda"):
        return "fp32" if asked == "auto" else asked
    import torch

    with torch.cuda.device(name):
        computes_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    if asked == "auto":
        return "bf16" if computes_bf16 else "fp16"
    if asked == "bf16" and not computes_bf16:
        raise DeviceError(
            f"{torch.cuda.get_device_name(name)} ({name}) does not compute bf16: "
            "set precision to fp16 or auto"
        )
    return asked


class DeviceLock:
    """Excludes other processes from an accelerator; all models of one process share it.

    The operating system releases it when the process dies. A CPU needs none. By default the locks
    are in this user's folder in the machine's temporary folder, outside every home, as homes share
    a machine's accelerators. Services with a private temporary folder, and several users of one
    accelerator, need another `folder`.
    """

    _REMIND_S = 60.0
    _one_at_a_time = threading.Lock()

    def __init__(self, device: Device, folder: Path | None = None) -> None:
        self._device = device
        own = Path(tempfile.gettempdir()) / f"callqa-devices-{os.getuid()}"
        self._folder = (folder or own).resolve()
        self._lock: FileLock | None = None

    def acquire(self) -> None:
        """Wait until the accelerator is free and lock it; the log names the process that holds it.

        Raises DeviceError where the folder of the locks cannot be used.
        """
        if self._lock is not None or not self._device.is_accelerator:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # One lock per path and process: a second acquire counts up instead of waiting.
            lock = FileLock(self._path, is_singleton=True, thread_local=False)
            with self._one_at_a_time:
                timeout_s = 0.0
                while True:
                    try:
                        lock.acquire(timeout=timeout_s, poll_interval=0.2)
                        break
                    except Timeout:
                        timeout_s = self._REMIND_S
                        _log.warning("waiting for %s: %s", self._device.name, self._describe())
                self._holder.write_text(str(ProcessIdentity.current()), "utf-8")
        except OSError as error:
            raise DeviceError(
                f"cannot lock {self._device.name} through {self._path} ({error}): set "
                "CALLQA_DEVICE_LOCKS to a folder that may be written"
            ) from error
        self._lock = lock

    def release(self) -> None:
        """Release the accelerator, unless other models of this process still hold it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def _path(self) -> Path:
        return self._folder / f"{_accelerator_id(self._device)}.lock"

    @property
    def _holder(self) -> Path:
        """Beside the lock: a process that waits for the lock truncates the lock's file."""
        return self._path.with_suffix(".holder")

    def _describe(self) -> str:
        try:
            holder = ProcessIdentity.parse(self._holder.read_text("utf-8"))
        except (OSError, ValueError):
            return "another process holds it"  # it has not written its identity yet
        return f"process {holder.pid} of {holder.host} holds it"


def _accelerator_id(device: Device) -> str:
    """An id that is the same in every process, whichever devices it sees."""
    if device.kind != "cuda":
        return device.kind
    import torch

    return f"cuda-{torch.cuda.get_device_properties(device.name).uuid}"


class MemoryGuard:
    """Computes batches on a device; a batch that does not fit into its memory is halved."""

    halvings_of_process: ClassVar[int] = 0
    """How many batches the guards of this process have halved."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.halvings = 0
        """How many batches this guard has halved."""

    def compute(
        self, batch: Sequence[Item], compute: Callable[[Sequence[Item]], Sequence[Result]]
    ) -> list[Result]:
        """One result per item, in order; `compute` may be called for parts of the batch.

        Raises DeviceError where a single item does not fit, ValueError where `compute` does not
        return one result per item.
        """
        if not batch:
            return []
        try:
            results = list(compute(batch))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        else:
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for a batch of {len(batch)}")
            return results
        # After the handler: the traceback referred to the tensors of the batch.
        free_cache(self._device)
        if len(batch) == 1:
            raise DeviceError(
                f"one item alone does not fit into the memory of {self._device.name} ({cause}): "
                "end other programs on it, or choose a shorter max_segment_s, another precision "
                "or another device in the profile"
            )
        self.halvings += 1
        MemoryGuard.halvings_of_process += 1
        middle = len(batch) // 2
        _log.warning(
            "%s has no room for a batch of %d: halved (%s)", self._device.name, len(batch), cause
        )
        return [*self.compute(batch[:middle], compute), *self.compute(batch[middle:], compute)]


_OUT_OF_MEMORY = (
    "out of memory",  # CUDA, MPS
    "CUBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",  # torch on the CPU
    "not enough memory",  # the same on Windows
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine ran out of memory; torch has a type for CUDA only."""
    import torch

    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)
    )


def send(tensor: torch.Tensor, device: str | torch.device) -> torch.Tensor:
    """Copy a tensor from the host to the device; on CUDA without blocking the host.

    On MPS a non-blocking copy may read what the host has written there since (pytorch issue
    189690), so the host waits.
    """
    import torch

    return tensor.to(device, non_blocking=torch.device(device).type == "cuda")


def free_cache(device: Device) -> None:
    """Return torch's unused memory to the device."""
    import gc

    import torch

    gc.collect()
    if device.kind == "cuda":
        torch.cuda.empty_cache()
    elif device.kind == "mps":
        torch.mps.empty_cache()
