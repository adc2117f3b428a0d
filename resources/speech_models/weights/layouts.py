"""The files of a funasr family's model folder; each backend declares its own layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callqa_assets.domain.errors import CallqaError

CURE = "run `callqa models pull --profile …` for its profile, or correct the profile's folder"

COMMON_FILES = ("model.pt", "config.yaml", "configuration.json?")
"""Files of nearly every family."""


class ModelFolderError(CallqaError):
    """A wrong, incomplete or damaged model folder; the message states folder, file and cure."""


@dataclass(frozen=True)
class Layout:
    """The content of a family's model folder."""

    family: str
    """Its name in identities and messages."""
    model: str
    """`model` in config.yaml: funasr's class."""
    files: tuple[str, ...]
    """Patterns of file names, as on ModelScope; those ending in `?` are optional."""
    unused: tuple[str, ...] = ()
    """Prefixes of weights that only training uses: releases leave them out of model.pt."""

    def find_files(self, folder: Path) -> list[str]:
        """The model's files, relative to its folder: its family's, then others that it names.

        Raises ModelFolderError where configuration.json is damaged.
        """
        usual = [name for pattern in self.files for name in _match(folder, pattern)]
        named = [folder / name for name in _named_files(folder) if _is_inside(name)]
        paths = [path for name in named for path in ([name] if name.is_file() else _list(name))]
        others = (path.relative_to(folder).as_posix() for path in paths)
        return list(dict.fromkeys([*usual, *others]))

    def find_missing_files(self, folder: Path) -> list[str]:
        """Missing files, one sentence each."""
        wanted = [pattern for pattern in self.files if not pattern.endswith("?")]
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


def _named_files(folder: Path) -> Iterator[str]:
    """Files and folders that funasr uses because configuration.json names them."""
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


def _is_inside(name: str) -> bool:
    """By its name: links in the folder are its owner's."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _list(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
