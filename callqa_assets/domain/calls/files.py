"""Files of the drop folder: what one is, by its name, and which belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

FileKind = Literal["audio", "sidecar", "manifest"]

FileKey = tuple[bytes, int, int]
"""(path, size, mtime_ns): a file that changed is another one."""


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
    def key(self) -> FileKey:
        return (self.path, self.size, self.mtime_ns)

    @property
    def display_name(self) -> str:
        """The name as text for tables and people; odd bytes are shown as \\xNN."""
        return self.name.decode("utf-8", "backslashreplace")

    @property
    def kind(self) -> FileKind:
        return kind_of(self.display_name)


# Names are paths inside the drop folder ------------------------------------------------------


def kind_of(name: str) -> FileKind:
    """By its name: JSON is a sidecar, [*.]manifest.csv a manifest, all else counts as audio."""
    if is_manifest(name):
        return "manifest"
    return "sidecar" if name.lower().endswith(".json") else "audio"


def is_manifest(name: str) -> bool:
    """True for `manifest.csv` and `*.manifest.csv` in any folder, in any case."""
    last = PurePosixPath(name).name.lower()
    return last == "manifest.csv" or last.endswith(".manifest.csv")


def sidecar_names(name: str) -> tuple[str, str]:
    """Names that the sidecar of the recording `name` may have, the more specific first."""
    path = PurePosixPath(name)
    return f"{path}.json", str(path.with_suffix(".json"))


def lookup_name(name: str) -> str:
    """The name under which a file is looked up: that of a sidecar `X.JSON` is `X.json`."""
    return f"{name[: -len('.json')]}.json" if kind_of(name) == "sidecar" else name


def stem_of(name: str) -> str:
    """The name without its extension: what a recording and its sidecar have in common."""
    return str(PurePosixPath(name).with_suffix(""))
