"""Models of ModelScope and the user's own weights: fetched once, then identified by their hashes.

At run time nothing here uses the network. Models that come in wheels are in `wheels`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from callqa_assets.domain.digest import digest
from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.funasr_loading import load_model
from resources.speech_models.weights.layouts import Layout, ModelFolderError
from resources.speech_models.weights.wheels import ModelFileError, StoredModel, hash_of_files
from resources.storage.atomic import write_atomically
from resources.storage.hashing import hash_content

_log = logging.getLogger(__name__)

KNOWN_SHA256: Mapping[str, Mapping[str, str]] = {
    "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch": {
        "model.pt": "3d491689244ec5dfbf9170ef3827c358aa10f1f20e42a7c59e15e688647946d1"
    },
    "iic/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch": {
        "model.pt": "5bba782a5e9196166233b9ab12ba04cadff9ef9212b4ff6153ed9290ff679025"
    },
    "iic/punc_ct-transformer_cn-en-common-vocab471067-large": {
        "model.pt": "7176cae922a872e130e6b88aef9a1153581711baf79c9124c7c95be383cd6f81"
    },
    "FunAudioLLM/Fun-ASR-Nano-2512": {
        "model.pt": "81fec8616083c69377f3ceef36aba3655660ee0ca69a5d4a1e9810cd340ca499"
    },
}
"""Hashes of released weights, as published by several projects that use them."""


class Model(Protocol):
    """A stored model of a profile; `models` is the models folder."""

    @property
    def title(self) -> str: ...

    def folder(self, models: Path) -> Path: ...

    def missing(self, models: Path) -> list[str]:
        """Missing files, one sentence each; nothing is hashed."""
        ...

    def verify(self, models: Path) -> list[str]:
        """Problems, one sentence each; every file is hashed."""
        ...

    def identify(self, models: Path) -> str:
        """One hash over its files, for fingerprints. Raises ModelFileError where none is known."""
        ...

    def try_loading(self, models: Path) -> list[str]:
        """Problems inside the files, one sentence each: a weight that is missing, or of another
        shape."""
        ...

    def require(self, models: Path) -> StoredModel:
        """The model. Raises ModelFileError, which states problem and cure."""
        ...

    def pull(self, models: Path, progress: Callable[[str], None]) -> list[Path]:
        """Fetch what is missing; returns the files written. Raises ModelFileError."""
        ...


class _FileRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    size_bytes: int
    mtime_ns: int
    sha256: str


class _Record(BaseModel):
    """The state of a model's files when they were last hashed, so that no start reads gigabytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    revision: str
    files: dict[str, _FileRecord]


@dataclass(frozen=True)
class HubModel:
    """A model of ModelScope, or a folder of the user's own weights in its place."""

    layout: Layout
    model: str
    """Id on ModelScope, `iic/SenseVoiceSmall`."""
    revision: str
    profile: str
    """The profile that uses it, for errors."""
    own_folder: Path | None = None
    """Absolute, or relative to the models folder; `~` is the user's home."""

    @property
    def title(self) -> str:
        return (
            self.model if self.own_folder is None else f"{self.layout.family} of {self.own_folder}"
        )

    def folder(self, models: Path) -> Path:
        if self.own_folder is not None:
            return (models / self.own_folder.expanduser()).resolve()
        return models / self.model

    def missing(self, models: Path) -> list[str]:
        folder = self.folder(models)
        if not folder.is_dir():
            return [f"{folder} does not exist"]
        return self.layout.find_missing_files(folder)

    def verify(self, models: Path) -> list[str]:
        if problems := self.missing(models):
            return [self._with_cure(problem) for problem in problems]
        try:
            self._hash(models, reuse=False)
        except ModelFileError as error:
            return [str(error)]
        return []

    def try_loading(self, models: Path) -> list[str]:
        try:
            load_model(self.folder(models), self.layout, Device("cpu", "fp32", os.cpu_count() or 1))
        except ModelFolderError as error:
            return [str(error)]
        return []

    def identify(self, models: Path) -> str:
        return self.require(models).sha256

    def require(self, models: Path) -> StoredModel:
        """The model; only files that changed since they were hashed are hashed again.

        Raises ModelFileError where files are missing, or are not those released or pulled.
        """
        for problem in self.missing(models):
            raise ModelFileError(self._with_cure(problem))
        files = self._hash(models, reuse=True)
        family = self.layout.family
        sha256 = hash_of_files((file.sha256, f"{family}/{name}") for name, file in files.items())
        return StoredModel(self.folder(models), sha256)

    def pull(self, models: Path, progress: Callable[[str], None]) -> list[Path]:
        """Download the repository at its revision, unless its files are in place and correct."""
        if self.own_folder is not None:
            self.require(models)
            progress(f"{self.title}: {self.folder(models)} is your own and is not fetched")
            return []
        if not self.missing(models) and not self.verify(models):
            progress(f"{self.title}: every file is in place and verified")
            return []
        folder = self.folder(models)
        progress(f"downloading {self.model} ({self.revision}) from ModelScope")
        _download(self.model, self.revision, folder)
        self._record_path(models).unlink(missing_ok=True)  # it described the files before
        if problems := self.verify(models):
            raise ModelFileError("; ".join(problems))
        return [folder / name for name in self.layout.find_files(folder)]

    def _hash(self, models: Path, *, reuse: bool) -> dict[str, _FileRecord]:
        """The hash of each file; with `reuse`, from the record where size and time are the same.

        Raises ModelFileError where a file is not the released one, or not the one pulled. The
        user's own weights may change: they then count as another model.
        """
        folder, path = self.folder(models), self._record_path(models)
        recorded = _read_record(path)
        if self.own_folder is None and recorded and recorded.revision != self.revision:
            raise ModelFileError(
                self._with_cure(
                    f"{folder} is {recorded.revision} of {self.model}, not {self.revision}"
                )
            )
        files: dict[str, _FileRecord] = {}
        for name in self.layout.find_files(folder):
            before = recorded.files.get(name) if recorded else None
            files[name] = _record_file(folder / name, before if reuse else None)
            if self.own_folder is None:
                expected = KNOWN_SHA256.get(self.model, {}).get(name) or (before and before.sha256)
                if expected and files[name].sha256 != expected:
                    raise ModelFileError(
                        self._with_cure(
                            f"{folder / name} has SHA-256 {files[name].sha256} instead of "
                            f"{expected}"
                        )
                    )
        record = _Record(model=self.model, revision=self.revision, files=files)
        if record != recorded:
            _write_record(path, record)
        return files

    def _record_path(self, models: Path) -> Path:
        """Beside a pulled model, to be copied with it; a user's own folder is not written to."""
        if self.own_folder is None:
            return models / f"{self.model}.sha256.json"
        return models / "own" / f"{digest(str(self.folder(models)))[:16]}.sha256.json"

    def _with_cure(self, problem: str) -> str:
        if self.own_folder is None:
            return f"{problem}: run `callqa models pull --profile {self.profile}`"
        return (
            f"{problem}: correct `folder` in the profile {self.profile!r}, or leave it out to use "
            f"{self.model}"
        )


def _record_file(path: Path, before: _FileRecord | None) -> _FileRecord:
    status = path.stat()
    size_bytes, mtime_ns = status.st_size, status.st_mtime_ns
    if before is not None and (before.size_bytes, before.mtime_ns) == (size_bytes, mtime_ns):
        return before
    return _FileRecord(size_bytes=size_bytes, mtime_ns=mtime_ns, sha256=hash_content(path))


def _read_record(path: Path) -> _Record | None:
    try:
        return _Record.model_validate_json(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise ModelFileError(
            f"{path}, the record of a model's hashes, is damaged "
            f"({error.error_count()} errors): delete it, then run `callqa models verify`"
        ) from error


def _write_record(path: Path, record: _Record) -> None:
    """Store the record; where the models folder is read-only, every start hashes again."""
    try:
        with write_atomically(path) as file:
            file.write(record.model_dump_json(indent=2).encode())
    except OSError as error:
        _log.warning("cannot store the hashes of %s in %s: %s", record.model, path, error)


def _download(model: str, revision: str, folder: Path) -> None:
    try:
        from modelscope import snapshot_download
    except ImportError:
        raise ModelFileError(
            f"{model} is fetched by the package modelscope, which is not installed: "
            "run `pip install 'callqa[funasr]'`"
        ) from None
    try:
        snapshot_download(model, revision=revision, local_dir=str(folder))
    except Exception as error:
        # The hub's client raises errors of many libraries.
        raise ModelFileError(
            f"{model} ({revision}) could not be fetched from ModelScope "
            f"({type(error).__name__}: {error}): check the network and proxy settings; or download "
            f"it elsewhere, copy it to {folder} and run `callqa models verify`"
        ) from error
