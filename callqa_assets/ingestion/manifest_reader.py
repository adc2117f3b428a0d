"""Reading the manifests of one scan, each once and never while the database is locked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callqa_assets.domain.calls.files import DropFile, FileKey
from callqa_assets.domain.calls.foreign_text import LIMITS
from callqa_assets.domain.calls.manifests import Manifest, oversized_manifest, parse_manifest
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.warehouse import files
from callqa_assets.warehouse.database import Warehouse
from resources.storage.drop_folder import DropFolder


class UnreadManifests(Exception):  # noqa: N818 - no fault: whoever scans reads them and goes on
    """Manifests that a scan needs and that are not read yet."""

    def __init__(self, wanted: Sequence[DropFile], new: Sequence[DropFile]) -> None:
        self.wanted = wanted
        self.new = new
        """Of these, those that no scan has applied yet."""
        super().__init__(f"{len(wanted)} manifests to read")


class ManifestReader:
    """The manifests of a drop folder that were read; most scans need none.

    A scan says inside its transaction which it needs. Those not read yet end the transaction with
    `UnreadManifests`; then they are read, and the scan begins again.
    """

    def __init__(self, warehouse: Warehouse, drop: DropFolder) -> None:
        self._warehouse = warehouse
        self._drop = drop
        self._parsed: dict[FileKey, Manifest] = {}
        self._known_names: dict[FileKey, list[str]] = {}
        self._failed: set[FileKey] = set()

    def need(self, manifests: Iterable[DropFile], new: Iterable[DropFile]) -> None:
        """Raises UnreadManifests with those that are not read.

        Args:
            new: Those that no scan has applied yet.
        """
        if unread := [file for file in manifests if file.key not in self._parsed]:
            raise UnreadManifests(unread, [file for file in new if file in unread])

    def read(self, unread: UnreadManifests) -> None:
        """Read and parse; what cannot be opened or is too large has no rows, and a note."""
        for file in unread.wanted:
            self._parsed[file.key] = self._parse(file)
        for file in unread.new:
            names = list(self._parsed[file.key].wanted_names())
            with self._warehouse.read() as connection:
                found = files.find_names(connection, self._drop.root, names)
            self._known_names[file.key] = found

    def get(self, file: DropFile) -> Manifest:
        """One that was read."""
        return self._parsed[file.key]

    def find_known(self, file: DropFile) -> list[str]:
        """Names of recordings that were known when a new manifest was read, and may be in it."""
        return self._known_names[file.key]

    def has_failed(self, file: DropFile) -> bool:
        """Whether it could not be opened; a later scan tries again."""
        return file.key in self._failed

    def _parse(self, file: DropFile) -> Manifest:
        name = file.display_name
        if file.size > LIMITS.max_manifest_bytes:
            return oversized_manifest(name)
        try:
            raw = self._drop.read(file, LIMITS.max_manifest_bytes)
        except OSError as error:
            self._failed.add(file.key)
            return Manifest(name, notes=(describe_unreadable(file, error),))
        return parse_manifest(raw, name)


def describe_unreadable(file: DropFile, error: OSError) -> str:
    """The note about a metadata file that cannot be opened now."""
    return (
        f"{shown_name(file.display_name)}: {error.strerror}: not used; give the user of "
        "callqa read permission"
    )
