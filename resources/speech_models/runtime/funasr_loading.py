"""Model folders of the funasr families, loaded by funasr's own code: offline, and checked.

funasr queries a hub where a folder is mistyped, and only logs where a checkpoint lacks a weight;
here both are errors before anything is computed. Which folder holds which model, and whether its
files are the released ones, is checked in `weights`.
"""

from __future__ import annotations

import io
import logging
import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import yaml

from resources.speech_models.runtime.device import Device
from resources.speech_models.weights.layouts import CURE, Layout, ModelFolderError

if TYPE_CHECKING:
    import torch


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FunasrModel:
    """A loaded family: on its device, in eval mode, without gradients."""

    model: Any
    """funasr's torch module."""
    frontend: Any
    """funasr's feature extraction, dither off; None for a text model."""
    tokenizer: Any
    """None where the model has none."""


def load_model(
    folder: Path, layout: Layout, device: Device, *, cast_weights: bool = False
) -> FunasrModel:
    """Load the model in `folder` by funasr's AutoModel, without any network access.

    Weights stay fp32, and `computing` casts where that is safe; with `cast_weights`, they are cast
    to the device's precision instead. Sets torch's threads for the whole process. Raises
    ModelFolderError where the folder is no model of the family, lacks a file or a weight, or has a
    weight of another shape.
    """
    config = _check_folder(folder, layout)
    weights = _read_shapes(folder / "model.pt", config.get("scope_map") or [])
    with process_as_found():
        from funasr import AutoModel
    with process_as_found():
        loaded = AutoModel(
            model=str(folder),
            # Overrides config.yaml: the weights that were checked, and no code of the folder.
            init_param=str(folder / "model.pt"),
            trust_remote_code=False,
            device=device.name,
            ncpu=device.threads,
            disable_update=True,
            disable_pbar=True,
            log_level="ERROR",
        )
    model: Any = loaded.model
    used = {
        name: weight
        for name, weight in model.state_dict().items()
        if not name.startswith(layout.unused)
    }
    _check_weights(folder / "model.pt", weights, used)
    model.requires_grad_(requires_grad=False)
    if cast_weights:
        model.to(device.dtype)
    frontend = loaded.kwargs.get("frontend")
    if frontend is not None:
        frontend.dither = 0.0
    return FunasrModel(model, frontend, loaded.kwargs.get("tokenizer"))


@contextmanager
def computing(device: Device) -> Iterator[None]:
    """Inference on fp32 weights, in the device's precision where torch's autocast allows it."""
    import torch

    half = device.precision != "fp32"
    with torch.inference_mode(), torch.autocast(device.kind, dtype=device.dtype, enabled=half):
        yield


def _check_folder(folder: Path, layout: Layout) -> Mapping[str, Any]:
    """The folder's config.yaml. Raises ModelFolderError."""
    if not folder.is_dir():
        raise ModelFolderError(f"{folder}, the folder of {layout.family}, does not exist: {CURE}")
    for problem in layout.find_missing_files(folder):
        raise ModelFolderError(f"{problem} ({layout.family}): {CURE}")
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelFolderError(f"{folder / 'config.yaml'} is damaged ({error}): {CURE}") from error
    found = config.get("model") if isinstance(config, dict) else None
    if found != layout.model:
        raise ModelFolderError(
            f"{folder / 'config.yaml'} describes a {found}, not {layout.model} "
            f"({layout.family}): {CURE}"
        )
    return config


def _read_shapes(path: Path, scope_map: Sequence[str]) -> dict[str, torch.Size]:
    """Names and shapes of a checkpoint's weights, unwrapped and renamed as in funasr.

    `scope_map` (config.yaml) alternates prefixes in the checkpoint with those in the model, or
    `none`.
    """
    import torch

    try:
        state: Any = torch.load(
            path, map_location="cpu", mmap=zipfile.is_zipfile(path), weights_only=True
        )
        for wrapper in ("state_dict", "model_state_dict", "model"):
            state = state.get(wrapper, state)
        return {
            _rename(name, ("module.", "none", *scope_map)): value.shape
            for name, value in state.items()
            if isinstance(value, torch.Tensor)
        }
    except (OSError, EOFError, RuntimeError, ValueError, AttributeError, UnpicklingError) as error:
        cause = str(error).partition("\n")[0]
        raise ModelFolderError(f"{path} is no checkpoint, or damaged ({cause}): {CURE}") from error


def _rename(name: str, scope_map: Sequence[str]) -> str:
    for stored, named in zip(scope_map[::2], scope_map[1::2], strict=True):
        if name.startswith(stored):
            return ("" if named.lower() == "none" else named) + name.removeprefix(stored)
    return name


def _check_weights(
    path: Path, stored: Mapping[str, torch.Size], model: Mapping[str, torch.Tensor]
) -> None:
    """Raise ModelFolderError where the checkpoint's weights do not fit the model.

    A weight tied to one that is stored may be missing. An unknown one is harmless, but suggests
    that config.yaml belongs to another release: it is logged.
    """
    held = {tensor.data_ptr() for name, tensor in model.items() if name in stored}
    missing = [
        name
        for name, tensor in model.items()
        if name not in stored and tensor.data_ptr() not in held
    ]
    if missing:
        raise ModelFolderError(
            f"{path} lacks {len(missing)} weight(s) of the model in config.yaml, first "
            f"{missing[0]!r}: {CURE}"
        )
    for name, tensor in model.items():
        if name in stored and stored[name] != tensor.shape:
            raise ModelFolderError(
                f"{path}: weight {name!r} has shape {tuple(stored[name])}, the model in "
                f"config.yaml {tuple(tensor.shape)}: {CURE}"
            )
    unknown = sorted(stored.keys() - model.keys())
    if unknown:
        _log.warning(
            "%s holds %d weight(s) that the model does not use, first %r",
            path,
            len(unknown),
            unknown[0],
        )


@contextmanager
def process_as_found() -> Iterator[None]:
    """Undo funasr's changes to the process: random generators, root logger, standard output.

    funasr reseeds the global random generators, changes the root logger and prints notices. Both
    are restored; what is printed (advice on packages that are not needed here) is logged as debug.
    """
    import numpy as np
    import torch

    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        _log.debug("funasr: %s", printed.getvalue().strip())
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        root.handlers[:] = handlers
        root.setLevel(level)
