"""Rows of `intake`: every file ever found in a drop folder, and its state.

States: `seen` (once) → `stable` (has a day, may be ingested) → `moving` (its place in the archive
is decided) → `ingested` | `copied` (the original stays). Metadata files: `seen` → `applied`.
`replaced`: the file changed before it was archived; `gone`: it vanished before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from callqa_assets.domain.calls.files import DropFile, FileKey, stem_of
from callqa_assets.domain.calls.metadata import CallMetadata
from callqa_assets.domain.calls.sidecars import Sidecar, parse_sidecar
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import intake

OPEN = ("seen", "stable", "moving")
"""States of files whose audio is still to be ingested."""


@dataclass(frozen=True)
class KnownFile:
    """What a listing is compared with."""

    state: str
    first_seen_at: datetime


@dataclass(frozen=True)
class IntakeFile:
    """A file with its day."""

    source_path: bytes
    size: int
    mtime_ns: int
    drop_root: bytes
    name: str
    """Path inside the drop folder."""
    state: str
    day: str

    @property
    def key(self) -> FileKey:
        return (self.source_path, self.size, self.mtime_ns)

    @property
    def version(self) -> tuple[int, int]:
        """Size and time of change, ns: where either differs, it is another file."""
        return (self.size, self.mtime_ns)


@dataclass(frozen=True)
class Description:
    """The facts of a recording's call, and what they were merged from: more may come late."""

    sidecar: Sidecar | None
    manifest_row: Mapping[str, str] | None
    mtime_s: float
    received_at: datetime
    call: CallMetadata

    def to_json(self) -> dict[str, Any]:
        return {
            "sidecar": asdict(self.sidecar) if self.sidecar else None,
            "manifest_row": self.manifest_row,
            "mtime_s": self.mtime_s,
            "received_at": self.received_at.isoformat(),
            "call": self.call.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Description:
        sidecar = stored["sidecar"]
        if isinstance(sidecar, str):  # its text, as rows of before have it
            sidecar = parse_sidecar(sidecar.encode())
        elif sidecar:
            sidecar = Sidecar(sidecar["fields"], tuple(sidecar["notes"]))
        return cls(
            sidecar=sidecar,
            manifest_row=stored["manifest_row"],
            mtime_s=stored["mtime_s"],
            received_at=datetime.fromisoformat(stored["received_at"]),
            call=CallMetadata.from_json(stored["call"]),
        )


@dataclass(frozen=True)
class IntakeRecording(IntakeFile):
    """A recording that has settled."""

    description: Description
    recording_id: str | None
    archive_path: str | None
    """Relative to the home: where the file lies, or will once it is moved."""
    attempts: int
    """How often reading it was begun and not brought to an end."""


def read_known(
    connection: sa.Connection, drop_root: bytes, listed: Sequence[bytes]
) -> dict[FileKey, KnownFile]:
    """Files of the listed paths, and those of this drop folder that are still to be ingested."""
    of_drop = intake.c.drop_root == drop_root
    columns = sa.select(
        intake.c.source_path,
        intake.c.size,
        intake.c.mtime_ns,
        intake.c.state,
        intake.c.first_seen_at,
    )
    queries = [columns.where(of_drop, intake.c.source_path.in_(paths)) for paths in chunks(listed)]
    queries.append(columns.where(of_drop, intake.c.state.in_(OPEN)))
    return {
        (path, size, mtime_ns): KnownFile(state, first_seen_at)
        for query in queries
        for path, size, mtime_ns, state, first_seen_at in connection.execute(query)
    }


def find_names(connection: sa.Connection, drop_root: bytes, wanted: Sequence[str]) -> list[str]:
    """Names of recordings of this drop folder, wherever they are now, whose name or stem may be
    one of `wanted`: as it is, without its extension, or in lower or upper case."""
    names = {form for name in wanted for form in (name, name.lower(), name.upper())}
    stems = {stem_of(name) for name in names} | names
    found: set[str] = set()
    for column, values in ((intake.c.name, sorted(names)), (intake.c.stem, sorted(stems))):
        for part in chunks(values):
            found.update(
                connection.execute(
                    sa.select(intake.c.name).where(
                        intake.c.drop_root == drop_root,
                        intake.c.kind == "audio",
                        intake.c.state.not_in(("gone", "replaced")),
                        column.in_(part),
                    )
                ).scalars()
            )
    return sorted(found)


def find_recordings(
    connection: sa.Connection, drop_root: bytes, by: Literal["name", "stem"], values: Sequence[str]
) -> list[IntakeRecording]:
    """Recordings of this drop folder that have a day, by name or stem.

    Platforms reuse names: a name means the newest file that had it.
    """
    newest = {
        row.source_path: row
        for part in chunks(values)
        for row in connection.execute(
            sa.select(intake)
            .where(
                intake.c.drop_root == drop_root, intake.c.kind == "audio", intake.c[by].in_(part)
            )
            .order_by(intake.c.first_seen_at)
        )
    }
    described = ("stable", "moving", "ingested", "copied")
    return [_recording_from_row(row) for row in newest.values() if row.state in described]


def read_ready(
    connection: sa.Connection, day: str, drop_root: bytes | None = None
) -> list[IntakeRecording]:
    """Recordings of a day that are to be ingested, in the order of their names.

    Args:
        drop_root: Only those of this drop folder.
    """
    query = sa.select(intake).where(
        intake.c.day == day, intake.c.kind == "audio", intake.c.state.in_(("stable", "moving"))
    )
    if drop_root is not None:
        query = query.where(intake.c.drop_root == drop_root)
    rows = connection.execute(query.order_by(intake.c.name, intake.c.source_path))
    return [_recording_from_row(row) for row in rows]


def read_recording_file(connection: sa.Connection, key: FileKey) -> IntakeRecording:
    """A settled recording as it is now."""
    query = sa.select(intake).where(*_is(key))
    return _recording_from_row(connection.execute(query).one())


def read_sidecars(
    connection: sa.Connection, day: str, drop_root: bytes | None = None
) -> list[IntakeFile]:
    """Sidecars that belong to recordings of a day, perhaps only those of one drop folder."""
    query = sa.select(intake).where(
        intake.c.day == day, intake.c.kind == "sidecar", intake.c.state == "applied"
    )
    if drop_root is not None:
        query = query.where(intake.c.drop_root == drop_root)
    return [IntakeFile(**_file_values(row)) for row in connection.execute(query)]


def read_days_of_drop(connection: sa.Connection, drop_root: bytes) -> list[str]:
    """Days of all recordings that this drop folder ever held."""
    query = (
        sa.select(intake.c.day)
        .distinct()
        .where(intake.c.drop_root == drop_root, intake.c.day.is_not(None))
    )
    return sorted(connection.execute(query).scalars())


def insert_seen(
    connection: sa.Connection, files: Iterable[DropFile], drop_root: bytes, now: datetime
) -> None:
    """Record files that a scan found for the first time."""
    rows = [
        {
            "source_path": file.path,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "drop_root": drop_root,
            "name": file.display_name,
            "stem": stem_of(file.display_name),
            "kind": file.kind,
            "metadata": {},
            "state": "seen",
            "first_seen_at": now,
        }
        for file in files
    ]
    if rows:
        connection.execute(sa.insert(intake), rows)


def count_attempts(connection: sa.Connection, keys: Iterable[FileKey], number: int) -> None:
    """Add to the attempts at some files, or with -1 take one back."""
    for key in keys:
        connection.execute(
            sa.update(intake).where(*_is(key)).values(attempts=intake.c.attempts + number)
        )


def update_intake(connection: sa.Connection, keys: Iterable[FileKey], **values: Any) -> None:
    """Set columns of some rows."""
    for key in keys:
        connection.execute(sa.update(intake).where(*_is(key)).values(**values))


def _is(key: FileKey) -> tuple[sa.ColumnElement[bool], ...]:
    path, size, mtime_ns = key
    return (
        intake.c.source_path == path,
        intake.c.size == size,
        intake.c.mtime_ns == mtime_ns,
    )


def _file_values(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "source_path": row.source_path,
        "size": row.size,
        "mtime_ns": row.mtime_ns,
        "drop_root": row.drop_root,
        "name": row.name,
        "state": row.state,
        "day": row.day,
    }


def _recording_from_row(row: sa.Row[Any]) -> IntakeRecording:
    return IntakeRecording(
        **_file_values(row),
        description=Description.from_json(row.metadata),
        recording_id=row.recording_id,
        archive_path=row.archive_path,
        attempts=row.attempts,
    )
