"""Manifests: CSV files with the facts of many recordings, one a row."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from callqa_assets.domain.calls.files import original_names
from callqa_assets.domain.calls.foreign_text import LIMITS, MetadataLimits, unquoted
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.calls.text_encoding import UnknownEncodingError, decode_text

FILE_COLUMN = "file"
"""The column that names the recording."""

_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    line: int
    """From 1, of the manifest."""
    path: str
    """Of the recording, inside the drop folder."""
    values: tuple[str, ...]
    tails: tuple[str, ...] = ()
    """Where the row has a URL or a path of another machine: how it may end inside the drop
    folder, the longest first. `path` is the shortest, then."""


@dataclass(frozen=True)
class Manifest:
    """The rows of one manifest, found by the names of recordings."""

    name: str = ""
    """Path inside the drop folder."""
    columns: tuple[str, ...] = ()
    rows: Sequence[ManifestRow] = ()
    notes: tuple[str, ...] = ()
    """What was wrong or assumed; no values."""
    _exact: dict[str, int] = field(default_factory=dict[str, int], repr=False)
    """Index of the row, by path inside the drop folder."""
    _loose: dict[str, int] = field(default_factory=dict[str, int], repr=False)
    """The same by `_loosely`; -1 where rows of different recordings share it."""

    def find(self, name: str) -> ManifestRow | None:
        """The row of the recording `name`, a path inside the drop folder.

        By its path, else where only case or the extension differ, or a URL or a path of another
        machine ends like it; a copy, `call (1).wav`, has the row of its original. None where that
        leaves several rows.
        """
        for candidate in original_names(name):
            at = self._exact.get(candidate)
            if at is None:
                at = self._loose.get(_loosely(candidate), -1)
            if at >= 0:
                return self.rows[at]
        return None

    def facts(self, row: ManifestRow) -> dict[str, str]:
        """The row by column, without the one that names the file."""
        return {
            column: value
            for column, value in zip(self.columns, row.values, strict=True)
            if column != FILE_COLUMN
        }

    def wanted_names(self) -> Iterator[str]:
        """Names of recordings that rows may mean."""
        for row in self.rows:
            yield from row.tails or (row.path,)

    def note_unmatched(self, matched: Iterable[ManifestRow]) -> str | None:
        """How many rows are not among those that described a recording, and where the first is."""
        lines = {row.line for row in matched}
        missing = [row.line for row in self.rows if row.line not in lines]
        if not missing:
            return None
        return (
            f"{shown_name(self.name)}: {len(missing)} of {len(self.rows)} rows match no "
            f"recording, the first in line {missing[0]}"
        )


def parse_manifest(raw: bytes, name: str, limits: MetadataLimits = LIMITS) -> Manifest:
    """The rows of the CSV manifest at the path `name` in the drop folder.

    Separated by comma, semicolon, tab or bar. The column `file` holds each recording's path
    relative to the manifest's folder, its URL or its path on another machine; a row that points
    out of that folder is refused. Of two rows for one file the later one counts.
    """
    shown = shown_name(name)
    if len(raw) > limits.max_manifest_bytes:
        return oversized_manifest(name, limits)
    try:
        text, assumed = decode_text(raw)
    except UnknownEncodingError:
        note = f"{shown}: in no known encoding: not used; save it as CSV UTF-8"
        return Manifest(name, notes=(note,))
    notes = [f"{shown}: not UTF-8: read as {assumed}"] if assumed else []
    delimiter, text, skipped = _dialect(text)
    lines = _csv_lines(text, delimiter, skipped)
    header = next(lines, None)
    columns = tuple(column.strip() for column in header[1] or ()) if header else ()
    columns = tuple(c.lower() if c.lower() == FILE_COLUMN else c for c in columns)
    if FILE_COLUMN not in columns:
        return Manifest(name, notes=(f"{shown}: no column 'file' in its first line: not used",))
    at = columns.index(FILE_COLUMN)
    folder = PurePosixPath(name).parent
    prefix = "" if str(folder) == "." else f"{folder}/"

    rows: dict[str, ManifestRow] = {}
    for count, (line, values) in enumerate(lines):
        if count >= limits.max_manifest_rows:
            note = f"{shown}: more than {limits.max_manifest_rows:,} rows: not used; split it"
            return Manifest(name, notes=(note,))
        if values is None:
            notes.append(f"{shown} line {line}: not CSV: row not used")
        elif len(values) != len(columns):
            notes.append(
                f"{shown} line {line}: {len(values)} fields under {len(columns)} columns: "
                "row not used"
            )
        elif (row := _row(line, tuple(map(unquoted, values)), at, prefix)) is None:
            notes.append(f"{shown} line {line}: file points out of its folder: row not used")
        else:
            key = row.tails[0] if row.tails else row.path
            if key in rows:
                notes.append(f"{shown} line {line}: a second row for one file: this one counts")
            rows[key] = row
    return _indexed(name, columns, list(rows.values()), tuple(capped(notes, limits)))


def oversized_manifest(name: str, limits: MetadataLimits = LIMITS) -> Manifest:
    """A manifest that is too large to be read."""
    note = f"{shown_name(name)}: more than {limits.max_manifest_bytes:,} bytes: not used; split it"
    return Manifest(name, notes=(note,))


def capped(notes: list[str], limits: MetadataLimits = LIMITS) -> list[str]:
    """The first notes, and how many more there are."""
    if len(notes) <= limits.max_notes:
        return notes
    return [*notes[: limits.max_notes], f"and {len(notes) - limits.max_notes} more"]


def _dialect(text: str) -> tuple[str, str, int]:
    """The delimiter, the text from its header on, and the lines before that.

    Excel's first line `sep=;` says the delimiter; else it is the one that the header has most of.
    """
    first, _, rest = text.partition("\n")
    if said := re.fullmatch(r'"?sep=(.)"?\r?', first):
        return said[1], rest, 1
    return max(_DELIMITERS, key=first.count), text, 0


def _csv_lines(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str] | None]]:
    """(line number, fields) of each line that is not blank; None where it cannot be parsed."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num + skipped, None
        else:
            if any(value.strip() for value in values):
                yield reader.line_num + skipped, values


def _row(line: int, values: tuple[str, ...], at: int, prefix: str) -> ManifestRow | None:
    """The row; None where its file lies out of the folder `prefix`, or is none."""
    file = values[at].strip()
    if "\0" in file:
        return None
    is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", file) is not None
    path = unquote(urlsplit(file).path) if is_url else file.replace("\\", "/")
    elsewhere = is_url or path.startswith("/") or re.match(r"[A-Za-z]:", path) is not None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return None
    if not elsewhere:
        return ManifestRow(line, prefix + "/".join(parts), values)
    parts[0] = re.sub(r"^[A-Za-z]:", "", parts[0])
    tails = tuple(prefix + "/".join(parts[start:]) for start in range(len(parts)) if parts[start])
    return ManifestRow(line, tails[-1], values, tails) if tails else None


def _indexed(
    name: str, columns: tuple[str, ...], rows: list[ManifestRow], notes: tuple[str, ...]
) -> Manifest:
    exact: dict[str, int] = {}
    loose: dict[str, int] = {}
    for at, row in enumerate(rows):
        if not row.tails:
            exact[row.path] = at
        for path in row.tails or (row.path,):
            key = _loosely(path)
            loose[key] = at if loose.get(key, at) == at else -1
    return Manifest(name, columns, rows, notes, exact, loose)


def _loosely(path: str) -> str:
    """A path by which names are compared that differ in case, in Unicode form or extension."""
    folder, slash, last = path.rpartition("/")
    stem, dot, extension = last.rpartition(".")
    # `call.v2` has no extension, as `1741915812.42` has none.
    has_extension = bool(dot) and re.fullmatch(r"[A-Za-z][A-Za-z0-9]{1,4}|3gpp?", extension)
    text = folder + slash + (stem if stem and has_extension else last)
    return text if text.isascii() and text.islower() else _fold(text)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
