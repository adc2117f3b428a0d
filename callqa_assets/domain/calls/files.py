"""Files of the drop folder: their kind, by name, and which belong together."""

from __future__ import annotations

import re
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


SIDECAR_ENDINGS = (".json", "_metadata.json", ".xml")
"""What follows the name or the stem of a recording in that of its sidecar, the first preferred.
Genesys Cloud writes `_metadata.json`."""


def kind_of(name: str) -> FileKind:
    """By name: JSON and XML are sidecars, [*.]manifest.csv a manifest, everything else audio."""
    if is_manifest(name):
        return "manifest"
    return "sidecar" if name.lower().endswith((".json", ".xml")) else "audio"


def is_manifest(name: str) -> bool:
    """Whether it is `manifest.csv` or `*.manifest.csv`, in any folder; case does not matter."""
    last = PurePosixPath(name).name.lower()
    return last == "manifest.csv" or last.endswith(".manifest.csv")


def sidecar_names(name: str) -> tuple[str, ...]:
    """Possible names of the sidecar of the recording `name`, the more specific first.

    A copy, `call (1).wav`, has the sidecar of its original where it has none of its own.
    """
    return tuple(
        base + ending
        for original in original_names(name)
        for base in (original, stem_of(original))
        for ending in SIDECAR_ENDINGS
    )


def described_names(sidecar: str) -> tuple[str, ...]:
    """What the sidecar `sidecar` may describe: names or stems of recordings."""
    name = lookup_name(sidecar)
    return tuple(name.removesuffix(end) for end in SIDECAR_ENDINGS if name.endswith(end))


def lookup_name(name: str) -> str:
    """The name under which a file is looked up: that of a sidecar `X.JSON` is `X.json`."""
    if kind_of(name) != "sidecar":
        return name
    ending = next(end for end in (*reversed(SIDECAR_ENDINGS),) if name.lower().endswith(end))
    return name[: -len(ending)] + ending


def stem_of(name: str) -> str:
    """The name without its extension: what a recording and its sidecar have in common."""
    return str(PurePosixPath(name).with_suffix(""))


_COPY = re.compile(r"(?: ?[（(]\d{1,3}[)）]| ?- ?副本| - Copy|_副本)+$")
"""What Windows, macOS and browsers add to the stem of a second file of one name."""


def original_names(name: str) -> tuple[str, ...]:
    """The name, and that of the file of which it is a copy by its name: `call (1).wav`."""
    path = PurePosixPath(name)
    stem = _COPY.sub("", path.stem)
    if not stem or stem == path.stem:
        return (name,)
    return (name, str(path.with_name(stem + path.suffix)))
