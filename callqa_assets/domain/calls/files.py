"""Files of the drop folder: their kind, by name, and which belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

FileKind = Literal["audio", "sidecar", "manifest"]

FileKey = tuple[bytes, int, int]
"""(path, size, mtime_ns): a file that changed counts as another file."""


@dataclass(frozen=True)
class DropFile:
    """One file as listed. Paths are bytes: a name need not be valid text."""

    path: bytes
    """Absolute."""
    name: bytes
    """Relative to the drop folder."""
    size: int
    mtime_ns: int

    @property
    def key(self) -> FileKey:
        return (self.path, self.size, self.mtime_ns)

    @property
    def display_name(self) -> str:
        """The name as text, for tables and people; bytes that are not UTF-8 become \\xNN."""
        return self.name.decode("utf-8", "backslashreplace")

    @property
    def kind(self) -> FileKind:
        return kind_of(self.display_name)


# Names are relative to the drop folder -------------------------------------------------------


def kind_of(name: str) -> FileKind:
    """By name: JSON is a sidecar, [*.]manifest.csv a manifest, everything else counts as audio."""
    if is_manifest(name):
        return "manifest"
    return "sidecar" if name.lower().endswith(".json") else "audio"


def is_manifest(name: str) -> bool:
    """Whether it is `manifest.csv` or `*.manifest.csv`, in any folder; case does not matter."""
    last = PurePosixPath(name).name.lower()
    return last == "manifest.csv" or last.endswith(".manifest.csv")


def sidecar_names(name: str) -> tuple[str, str]:
    """Possible names of the sidecar of the recording `name`, the more specific first."""
    path = PurePosixPath(name)
    return f"{path}.json", str(path.with_suffix(".json"))


def lookup_name(name: str) -> str:
    """The name under which a file is looked up: that of a sidecar `X.JSON` is `X.json`."""
    return f"{name[: -len('.json')]}.json" if kind_of(name) == "sidecar" else name


def stem_of(name: str) -> str:
    """The name without its extension: what a recording and its sidecar have in common."""
    return str(PurePosixPath(name).with_suffix(""))
