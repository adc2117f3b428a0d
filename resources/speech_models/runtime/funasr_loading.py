"""Model folders of the funasr families, loaded by funasr's own code: offline, and checked.

funasr asks a hub where a folder is mistyped, and logs a line where a checkpoint lacks a weight;
here both are errors before anything is computed. Which folder holds which model, and whether its
files are the released ones, is the model store's business.
"""

from __future__ import annotations

import io
import json
import logging
import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Literal

import yaml

from callqa_assets.domain.errors import CallqaError
from resources.speech_models.runtime.device import Device

if TYPE_CHECKING:
    import torch

Family = Literal["fsmn-vad", "paraformer", "seaco", "sensevoice", "nano", "ct-punc", "emotion2vec"]

CURE = "run `callqa models pull --profile …` for its profile, or correct the profile's folder"

_log = logging.getLogger(__name__)


class ModelFolderError(CallqaError):
    """A model folder is wrong, incomplete or damaged; names the folder, the file and the cure."""


@dataclass(frozen=True)
class _Layout:
    """What a folder of a family holds."""

    model: str
    """`model` in config.yaml: funasr's class."""
    files: tuple[str, ...]
    """As ModelScope names them, as patterns; those ending in `?` may find nothing."""
    unused: tuple[str, ...] = ()
    """How the weights begin that only training uses: releases leave them out of model.pt."""


_COMMON = ("model.pt", "config.yaml", "configuration.json?")
_LAYOUTS: Mapping[Family, _Layout] = {
    "fsmn-vad": _Layout("FsmnVADStreaming", (*_COMMON, "am.mvn")),
    "paraformer": _Layout("Paraformer", (*_COMMON, "am.mvn", "tokens.*")),
    "seaco": _Layout("SeacoParaformer", (*_COMMON, "am.mvn", "tokens.*", "seg_dict")),
    "sensevoice": _Layout("SenseVoiceSmall", (*_COMMON, "am.mvn", "*bpe.model")),
    "nano": _Layout(
        "FunASRNano",
        (
            *("model.pt", "config.yaml", "configuration.json", "am.mvn?"),
            *("Qwen3-0.6B/config.json", "Qwen3-0.6B/tokenizer*", "Qwen3-0.6B/*?"),
        ),
    ),
    "ct-punc": _Layout("CTTransformer", (*_COMMON, "tokens.*", "jieba_usr_dict?")),
    "emotion2vec": _Layout(
        "Emotion2vec", (*_COMMON, "tokens.*"), unused=("modality_encoders.AUDIO.decoder.",)
    ),
}


@dataclass(frozen=True)
class FunasrModel:
    """A loaded family: on its device, in eval mode, without gradients."""

    model: Any
    """funasr's torch module."""
    frontend: Any
    """funasr's feature extraction, dither off; None for a model of text."""
    tokenizer: Any
    """None where the model has none."""


def load_model(
    folder: Path, family: Family, device: Device, *, cast_weights: bool = False
) -> FunasrModel:
    """Load the model of `folder` by funasr's AutoModel; the network is never asked.

    Weights are fp32, for `computing` to cast what may be cast; with `cast_weights`, they are cast
    to the device's precision instead. Sets torch's threads for the whole process. Raises
    ModelFolderError where the folder is no model of the family, lacks a file or a weight, or holds
    a weight of another shape.
    """
    config = _check_folder(folder, family)
    weights = _read_shapes(folder / "model.pt", config.get("scope_map") or [])
    with process_as_found():
        from funasr import AutoModel
    with process_as_found():
        loaded = AutoModel(
            model=str(folder),
            # Whatever config.yaml says: the weights that were checked, and no code of the folder.
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
        if not name.startswith(_LAYOUTS[family].unused)
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
    """Inference on fp32 weights, in the device's precision where torch deems that safe."""
    import torch

    half = device.precision != "fp32"
    with torch.inference_mode(), torch.autocast(device.kind, dtype=device.dtype, enabled=half):
        yield


def find_files(folder: Path, family: Family) -> list[str]:
    """The model's files relative to its folder: its family's, then others that it names itself.

    Raises ModelFolderError where configuration.json is damaged.
    """
    usual = [name for pattern in _LAYOUTS[family].files for name in _match(folder, pattern)]
    named = [folder / name for name in _named_files(folder) if _is_inside(name)]
    paths = [path for name in named for path in ([name] if name.is_file() else _list(name))]
    return list(dict.fromkeys([*usual, *(path.relative_to(folder).as_posix() for path in paths)]))


def find_missing_files(folder: Path, family: Family) -> list[str]:
    """What is not in its place, a sentence each."""
    wanted = [pattern for pattern in _LAYOUTS[family].files if not pattern.endswith("?")]
    problems = [f"{folder / name} is missing" for name in wanted if not _match(folder, name)]
    try:
        named = list(_named_files(folder))
    except ModelFolderError as error:
        return [*problems, str(error)]
    for name in named:
        if not _is_inside(name):
            description = folder / "configuration.json"
            problems.append(f"{description} names {name}, which is not in the folder")
        elif not (folder / name).exists():
            problems.append(f"{folder / name} is missing")
    return list(dict.fromkeys(problems))


def _match(folder: Path, pattern: str) -> list[str]:
    found = (path for path in folder.glob(pattern.removesuffix("?")) if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _list(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _is_inside(name: str) -> bool:
    """By its name: links in the folder are its owner's."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _check_folder(folder: Path, family: Family) -> Mapping[str, Any]:
    """The folder's config.yaml."""
    layout = _LAYOUTS[family]
    if not folder.is_dir():
        raise ModelFolderError(f"{folder} is no folder, so there is no {family} in it: {CURE}")
    for problem in find_missing_files(folder, family):
        raise ModelFolderError(f"{problem} ({family}): {CURE}")
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelFolderError(f"{folder / 'config.yaml'} is damaged ({error}): {CURE}") from error
    found = config.get("model") if isinstance(config, dict) else None
    if found != layout.model:
        raise ModelFolderError(
            f"{folder / 'config.yaml'} describes a {found}, not {layout.model} ({family}): {CURE}"
        )
    return config


def _named_files(folder: Path) -> Iterator[str]:
    """Files and folders that funasr will take because configuration.json says so."""
    description = folder / "configuration.json"
    if description.exists():
        try:
            metas = json.loads(description.read_text("utf-8")).get("file_path_metas")
        except (ValueError, AttributeError) as error:
            raise ModelFolderError(f"{description} is damaged ({error})") from error
        yield from _leaves(metas)


def _leaves(metas: Any) -> Iterator[str]:
    if isinstance(metas, str) and metas:
        yield metas
    elif isinstance(metas, dict | list):
        for value in metas.values() if isinstance(metas, dict) else metas:
            yield from _leaves(value)


def _read_shapes(path: Path, scope_map: Sequence[str]) -> dict[str, torch.Size]:
    """Names and shapes of a checkpoint's weights, unwrapped and renamed as funasr does.

    `scope_map` of config.yaml: a prefix in the checkpoint, the one in the model or `none`, ...
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
    """What the checkpoint holds must be what the model has.

    A weight that the model shares with one that is stored (tied embeddings) may be left out. One
    that the model does not know is harmless, but says that config.yaml is of another release.
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
            "%s holds %d weight(s) that the model has no use for, first %r",
            path,
            len(unknown),
            unknown[0],
        )


@contextmanager
def process_as_found() -> Iterator[None]:
    """funasr reseeds the global random generators, takes over the root logger and prints notices.

    Generators and logger are put back; what is printed (advice on packages that are not needed
    here) goes to the debug log.
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
