"""The drop folder, the landing zone of the phone platform's recordings: listed, never changed."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from callqa_assets.domain.calls.files import DropFile
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.errors import CallqaError
from resources.storage.regular_files import ChangedFile, open_regular, version_of

UNFINISHED = (b".part", b".tmp", b".filepart", b".crdownload")
"""Suffixes under which copy tools write; the file counts once it is renamed."""

MAX_PATH_BYTES = 2_000
"""Of the absolute path, and of the name as text: PostgreSQL's indexes take up to 2,704 bytes."""

MAX_RECORDING_BYTES = 4 << 30
"""4 GiB, more than a WAV file can state: whatever is larger is not read."""


class DropFolderError(CallqaError):
    """The drop folder cannot be listed."""


@dataclass
class Listing:
    """What one walk through the drop folder found."""

    files: list[DropFile] = field(default_factory=list)
    """Finished files that may be read, ordered by name."""
    left_out: list[str] = field(default_factory=list)
    """A line for each file or folder that cannot be used as it is: name, cause and cure."""
    links: list[str] = field(default_factory=list)
    """Names of symbolic links, as they may be shown."""
    unread: set[bytes] = field(default_factory=set)
    """Files and folders of which this walk knows nothing: what is in them may still be there."""


class DropFolder:
    """A folder and its subfolders. Hidden files, links and unfinished copies are not listed."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.realpath(os.fsencode(root))

    def list_files(self) -> Listing:
        """Walk through the folder. What cannot be read in it hides nothing else.

        An empty folder counts as unread: a share that is not mounted looks like that. Raises
        DropFolderError where the folder itself cannot be listed.
        """
        listing = Listing()
        folders = [self.root]
        while folders:  # no recursion: folders may lie deeper than Python's stack
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                if folder == self.root:
                    raise self._explain(error) from error
                self._leave_out(listing, folder, error)
                continue
            if folder == self.root and not found:
                listing.unread.add(folder)
            for entry in found:
                if entry.name.startswith(b"."):
                    continue
                try:
                    if self._is_folder(entry, listing):
                        folders.append(entry.path)
                except OSError as error:
                    self._leave_out(listing, entry.path, error)
        listing.files.sort(key=lambda file: file.name)
        listing.left_out.sort()
        listing.links.sort()
        return listing

    def read(self, file: DropFile, max_bytes: int) -> bytes:
        """The first bytes of a listed file, at most `max_bytes` and one: whoever gets more than
        `max_bytes` knows that it is too large. Raises OSError."""
        try:
            with io.BufferedReader(open_regular(Path(os.fsdecode(file.path)))) as opened:
                return opened.read(max_bytes + 1)
        except ChangedFile as error:
            raise OSError(errno.EINVAL, "no ordinary file") from error

    def _is_folder(self, entry: os.DirEntry[bytes], listing: Listing) -> bool:
        """Add an entry to the listing; True where it is a folder to walk through."""
        if entry.is_symlink():
            listing.links.append(self._shown(entry.path))
        elif entry.is_dir(follow_symlinks=False):
            if fault := self._fault_of_path(entry.path):
                listing.left_out.append(f"{self._shown(entry.path)}/: {fault}")
                return False
            return True
        elif not entry.name.endswith(UNFINISHED):
            status = entry.stat(follow_symlinks=False)
            size, mtime_ns = version_of(status)
            file = DropFile(
                path=entry.path,
                name=os.path.relpath(entry.path, self.root),
                size=size,
                mtime_ns=mtime_ns,
            )
            if fault := self._fault_of_path(entry.path) or _fault_of_file(file, status):
                listing.left_out.append(f"{self._shown(entry.path)}: {fault}")
            else:
                listing.files.append(file)
        return False

    def _fault_of_path(self, path: bytes) -> str | None:
        name = os.path.relpath(path, self.root).decode("utf-8", "backslashreplace")
        length = max(len(path), len(name.encode()))
        if length <= MAX_PATH_BYTES:
            return None
        return (
            f"its path has {length} bytes, at most {MAX_PATH_BYTES} are read: use fewer folders "
            "or shorter names"
        )

    def _leave_out(self, listing: Listing, path: bytes, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # removed while its folder was listed
        listing.unread.add(path)
        listing.left_out.append(
            f"{self._shown(path)}: {error.strerror}: not read; give the user of callqa read "
            "permission, or check the disk or share on which it lies"
        )

    def _explain(self, error: OSError) -> DropFolderError:
        name = os.fsdecode(self.root)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return DropFolderError(
                f"the drop folder {name} does not exist: create it or set CALLQA_DROP"
            )
        return DropFolderError(
            f"the drop folder {name} cannot be listed ({error.strerror}): give the user of callqa "
            "read permission, or mount its share again"
        )

    def _shown(self, path: bytes) -> str:
        name = os.path.relpath(path, self.root)
        return shown_name(name.decode("utf-8", "backslashreplace"))


def _fault_of_file(file: DropFile, status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "a pipe, socket or device, no file: not opened; remove it"
    if file.kind == "audio" and file.size > MAX_RECORDING_BYTES:
        return (
            f"{file.size / 2**30:,.0f} GiB, more than the {MAX_RECORDING_BYTES >> 30} GiB that a "
            "recording may have: not read; split it, or remove it where it is no recording"
        )
    return None


def is_away(root: bytes) -> bool:
    """Whether a drop folder seems not to be mounted: it is missing, unreadable or empty."""
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError:
        return True


MAX_NOTES = 20
"""Of one kind in the notes of a scan; of more, the number is told."""


def summarize(listing: Listing) -> list[str]:
    """Notes on what a listing left out, at most `MAX_NOTES` and two."""
    notes = listing.left_out[:MAX_NOTES]
    if rest := listing.left_out[MAX_NOTES:]:
        kinds = Counter(line.split(": ", 1)[-1] for line in rest)
        cause, _ = kinds.most_common(1)[0]
        notes.append(f"{len(rest)} more files or folders were left out, most of them so: {cause}")
    if links := listing.links:
        first = links[0] if len(links) == 1 else f"{links[0]} and {len(links) - 1} more"
        notes.append(f"{first}: links are not followed: put the files themselves there")
    return notes
