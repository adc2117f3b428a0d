"""Files of the drop folder: what one is, by its name, and which belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal


@dataclass(frozen=True)
class DropFile:
    """One file as the listing saw it. Paths are bytes: a name need not be text."""

    path: bytes
    """Absolute."""
    name: bytes
    """Relative to the drop folder."""
    size: int
    mtime_ns: int

    @property
    def display_name(self) -> str:
        """The name as text for tables and people; odd bytes are shown as \\xNN."""
        return self.name.decode("utf-8", "backslashreplace")


FileKind = Literal["audio", "sidecar", "manifest"]


def kind_of(name: str) -> FileKind:
    """By its name: JSON is a sidecar, [*.]manifest.csv a manifest, all else counts as audio."""
    if is_manifest(name):
        return "manifest"
    return "sidecar" if name.lower().endswith(".json") else "audio"


def lookup_name(name: str) -> str:
    """Where a file is looked for: `X.JSON` at `X.json`."""
    return f"{name[: -len('.json')]}.json" if kind_of(name) == "sidecar" else name


def sidecar_names(name: str) -> tuple[str, str]:
    """Paths at which the sidecar of the recording `name` may lie, the more specific first."""
    path = PurePosixPath(name)
    return f"{path}.json", str(path.with_suffix(".json"))


def is_manifest(name: str) -> bool:
    last = PurePosixPath(name).name.lower()
    return last == "manifest.csv" or last.endswith(".manifest.csv")


def stem_of(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
