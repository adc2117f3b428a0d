"""Archiving a day's settled files. After a kill at any point, the next call goes on.

For every file: hash and decode it; record its place in the archive; move it; write its recording.
What cannot be decoded goes to the quarantine with the reason. Nothing is deleted.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import Encoding, UnreadableAudio
from callqa_assets.domain.audio.decoding.headerless import encoding_of
from callqa_assets.domain.calls.files import FileKey, described_names
from callqa_assets.domain.calls.metadata import keep_better_time
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.days import Calendar
from callqa_assets.stages.contract import Progress
from callqa_assets.warehouse import files
from callqa_assets.warehouse.archive_records import (
    ArchiveRecord,
    find_unrecorded,
    mark_recorded,
    read_archive_records,
)
from callqa_assets.warehouse.database import Warehouse, attempt
from callqa_assets.warehouse.dirty_days import mark_dirty
from callqa_assets.warehouse.files import IntakeRecording
from callqa_assets.warehouse.recordings import (
    KnownRecording,
    find_original,
    insert_recording,
    metadata_columns,
    read_recording,
    update_metadata,
)
from resources.storage.archive import RecordingArchive, open_stream, recording_id_of
from resources.storage.drop_folder import is_away
from resources.storage.hashing import hash_open
from resources.storage.home import Home
from resources.storage.pairing import require_pair
from resources.storage.regular_files import ChangedFile, open_regular, version_of

_BATCH = 32


MAX_ATTEMPTS = 3
"""A file whose reading was begun so often and never came to an end is given up."""


@dataclass
class IngestReport:
    ingested: int = 0
    problems: list[str] = field(default_factory=list)
    """Files that cannot be ingested now; they stay where they are and are tried again."""


@dataclass(frozen=True)
class Probe:
    """What hashing and decoding a file found."""

    recording_id: str
    content_sha256: str
    channels: int = 0
    sample_rate: int = 0
    """Hz."""
    duration_s: float = 0.0
    encoding: Encoding | None = None
    """What it was read as, where it has no header."""
    notes: tuple[str, ...] = ()
    unreadable: str | None = None
    """The reason, where it goes to the quarantine."""


Probed = tuple[IntakeRecording, Probe]


def ingest_day(
    warehouse: Warehouse,
    home: Home,
    day: str,
    *,
    run_id: str,
    copy: bool,
    progress: Progress,
    drop_root: bytes | None = None,
) -> IngestReport:
    """Ingest every settled file of a day, or of one drop folder; with `copy`, the originals stay.

    One process per home at a time. Raises only where the warehouse fails: what cannot be read or
    archived is among the problems. A file that was being read when a process died is read last
    and alone, and goes to the quarantine unread after `MAX_ATTEMPTS`.
    """
    report = IngestReport()
    archive = RecordingArchive(home)
    require_pair(home, warehouse)
    with home.lock("ingest"):
        with warehouse.read() as connection:
            ready = files.read_ready(connection, day, drop_root)
        if any(file.attempts for file in ready):
            # Runs that die at one file are progress: the day's own limit of runs starts again.
            with warehouse.write() as connection:
                mark_dirty(connection, [day])
        for batch in _batches(ready):
            with _counted_attempt(warehouse, batch) as blamed:
                probed = [(file, _try_to_probe(archive, file, must_copy=copy)) for file in batch]
                good = _sort_out(warehouse, probed, report, blamed)
                _archive_files(
                    warehouse, archive, home.calendar, good, report, run_id=run_id, copy=copy
                )
            progress("recordings", day, report.ingested + len(report.problems), len(ready))
        if not copy:
            _archive_sidecars(warehouse, archive, day, report, drop_root)
        _write_records(warehouse, archive, day, report)
    return report


def _batches(ready: Sequence[IntakeRecording]) -> Iterator[Sequence[IntakeRecording]]:
    """Files at which nothing went wrong so far; then the others one by one, the worst last."""
    clean = [file for file in ready if not file.attempts]
    for start in range(0, len(clean), _BATCH):
        yield clean[start : start + _BATCH]
    for file in sorted(ready, key=lambda file: file.attempts):
        if file.attempts:
            yield [file]


@contextmanager
def _counted_attempt(
    warehouse: Warehouse, batch: Sequence[IntakeRecording]
) -> Iterator[set[FileKey]]:
    """Count an attempt at each file before the work begins; it stays where the process dies.

    Yields a set for the files that are to blame for a failure: theirs stays, too.
    """
    blamed: set[FileKey] = set()
    keys = [file.key for file in batch]
    with warehouse.write(lock="intake") as connection:
        files.count_attempts(connection, keys, 1)
    try:
        yield blamed
    except BaseException:  # stopped, or the warehouse failed: no file is to blame
        with warehouse.write(lock="intake") as connection:
            files.count_attempts(connection, keys, -1)
        raise
    with warehouse.write(lock="intake") as connection:
        files.update_intake(connection, [key for key in keys if key not in blamed], attempts=0)


def _try_to_probe(
    archive: RecordingArchive, file: IntakeRecording, *, must_copy: bool
) -> Probe | Exception:
    try:
        return probe(archive, file, must_copy=must_copy)
    except Exception as error:  # noqa: BLE001 - of one file: told, so that the others go on
        return error


def probe(archive: RecordingArchive, file: IntakeRecording, *, must_copy: bool) -> Probe:
    """Hash and decode one file of `intake`, where it lies now.

    Raises ChangedFile, FileNotFoundError, NoRoomError, OSError.
    """
    if file.attempts >= MAX_ATTEMPTS:
        return _give_up(file, "the process ended each time (out of memory?)")
    path, is_archived = Path(os.fsdecode(file.source_path)), False
    if file.state == "moving" and (archived := _find_archived(archive, file)):
        # Moved, then the process died. What may be at the source by now is another file.
        path, is_archived = archived, True
    with open_regular(path) as opened:
        status = os.fstat(opened.fileno())
        if not is_archived:
            if version_of(status) != file.version:
                raise ChangedFile
            if must_copy:
                archive.require_room(status)
        content_sha256 = hash_open(opened)
        recording_id = recording_id_of(content_sha256, os.path.basename(file.source_path))
        opened.seek(0)
        try:
            encoding = file.description.call.encoding or encoding_of(file.name)
            with open_stream(opened, encoding) as stream:
                for _ in stream:
                    pass  # read to the end: only then all of it has been checked
        except UnreadableAudio as error:
            return Probe(recording_id, content_sha256, unreadable=error.reason)
    return Probe(
        recording_id,
        content_sha256,
        channels=stream.channels,
        sample_rate=stream.sample_rate_hz,
        duration_s=stream.duration_s,
        encoding=stream.encoding,
        notes=stream.notes,
    )


def _give_up(file: IntakeRecording, cause: str) -> Probe:
    """What is recorded of a file that must not be read once more; its key stands for its content,
    so that it is tried again where it is delivered again after the cause was mended."""
    stand_in = hashlib.sha256(repr(file.key).encode()).hexdigest()
    return Probe(
        recording_id_of(stand_in, os.path.basename(file.source_path)),
        stand_in,
        unreadable=f"given up unread after {MAX_ATTEMPTS} attempts: {cause}. Split it or convert "
        "it to WAV, and deliver it again",
    )


def _find_archived(archive: RecordingArchive, file: IntakeRecording) -> Path | None:
    """The file at its place in the archive; None where it is not there yet."""
    path = archive.absolute(file.archive_path) if file.archive_path else None
    return path if path and path.is_file() else None


def _sort_out(
    warehouse: Warehouse,
    batch: Sequence[tuple[IntakeRecording, Probe | Exception]],
    report: IngestReport,
    blamed: set[FileKey],
) -> list[Probed]:
    """Those that can be archived; the others are recorded for the next scan, or reported."""
    good: list[Probed] = []
    with warehouse.write(lock="intake") as connection:
        for file, result in batch:
            if isinstance(result, Probe):
                good.append((file, result))
            elif isinstance(result, ChangedFile):
                files.update_intake(connection, [file.key], state="replaced")
            elif isinstance(result, FileNotFoundError | NotADirectoryError):
                _note_missing(connection, file, report)
            elif isinstance(result, OSError):
                report.problems.append(_explain(file.name, result, _CURES_OF_READING))
            elif file.attempts + 1 < MAX_ATTEMPTS:
                blamed.add(file.key)
                report.problems.append(
                    f"{shown_name(file.name)}: its decoding failed ({type(result).__name__}: "
                    f"{shown_name(str(result))}); the file stays where it is, and is quarantined "
                    f"after {MAX_ATTEMPTS} attempts"
                )
            else:
                good.append((file, _give_up(file, f"{type(result).__name__} in its decoding")))
    return good


def _note_missing(connection: sa.Connection, file: IntakeRecording, report: IngestReport) -> None:
    """A file that is not there was removed, unless the whole drop folder is away."""
    if is_away(file.drop_root):
        report.problems.append(
            f"{shown_name(file.name)}: the drop folder is empty or away: mount it if it is a share"
        )
    else:
        files.update_intake(connection, [file.key], state="gone")


_ROOM = "make room on the archive's disk, or move the archive to a larger one"
_CURES_OF_READING = {
    errno.EACCES: "give the user of callqa read permission",
    errno.EPERM: "give the user of callqa read permission",
    errno.ENOSPC: _ROOM,
}
_CURES_OF_ARCHIVING = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "mount its file system for writing, or use --copy where it is the drop folder's",
    errno.EACCES: "give the user of callqa write permission on its folder, or run with --copy",
    errno.EPERM: "give the user of callqa write permission on its folder, or run with --copy",
    errno.EEXIST: "archive/ or quarantine/ of the home is no folder: put the folder back",
    errno.ENOTDIR: "archive/ or quarantine/ of the home is no folder: put the folder back",
}


def _explain(name: str, error: OSError, cures: Mapping[int, str]) -> str:
    cure = cures.get(error.errno or 0, "check the disk or share")
    cause = error.strerror or type(error).__name__
    return f"{shown_name(name)}: {cause}: {cure}; the file stays where it is"


def _archive_files(
    warehouse: Warehouse,
    archive: RecordingArchive,
    calendar: Calendar,
    batch: Sequence[Probed],
    report: IngestReport,
    *,
    run_id: str,
    copy: bool,
) -> None:
    """Record the places, move the files, write the recordings: a crash in between loses nothing."""
    placed = [
        (
            file,
            found,
            archive.path_for(
                found.recording_id, file.source_path, quarantined=found.unreadable is not None
            ),
        )
        for file, found in batch
    ]
    with warehouse.write(lock="intake") as connection:
        for file, found, target in placed:
            files.update_intake(
                connection,
                [file.key],
                state="moving",
                recording_id=found.recording_id,
                archive_path=target,
            )
    stuck: set[FileKey] = set()
    for file, _, target in placed:
        try:
            archive.store(file.source_path, target, copy=copy, version=file.version)
        except (FileNotFoundError, ChangedFile):
            pass  # already in the archive, or removed, or another: what is there is checked below
        except OSError as error:
            stuck.add(file.key)
            report.problems.append(_explain(file.name, error, _CURES_OF_ARCHIVING))
    with warehouse.write(lock="intake") as connection:
        for file, found, target in placed:
            if file.key in stuck:
                continue
            record = partial(
                _record, connection, archive, calendar, file, found, target, report, run_id, copy
            )
            if fault := attempt(connection, record):
                report.problems.append(
                    f"{shown_name(file.name)}: it cannot be recorded ({type(fault).__name__}); it "
                    "is tried again with the next run"
                )


def _record(
    connection: sa.Connection,
    archive: RecordingArchive,
    calendar: Calendar,
    moved: IntakeRecording,
    found: Probe,
    target: str,
    report: IngestReport,
    run_id: str,
    copy: bool,
) -> None:
    """Write the recording of a file that is in the archive now."""
    if not archive.absolute(target).is_file():
        # Changed or removed after it was decoded: the next scan sees what is there.
        _note_missing(connection, moved, report)
        return
    # Read again: a late sidecar may have changed it meanwhile.
    file = files.read_recording_file(connection, moved.key)
    known = read_recording(connection, found.recording_id)
    if known is None:
        values = _recording_values(connection, file, found, target)
        insert_recording(connection, {**values, "run_id": run_id})
    elif not known.channels and not found.unreadable:
        # Quarantined when it came before; since then somebody said how to read it.
        mark_dirty(connection, [known.day])
        values = _recording_values(connection, file, found, target)
        update_metadata(connection, known.recording_id, file.day, {**values, "run_id": run_id})
    elif file.description.sidecar or file.description.manifest_row:
        _describe_again(connection, calendar, known, file)
    files.update_intake(
        connection, [file.key], state="copied" if copy else "ingested", is_recorded=False
    )
    report.ingested += 1


def _describe_again(
    connection: sa.Connection, calendar: Calendar, known: KnownRecording, file: IntakeRecording
) -> None:
    """Update a recording that arrived again with a sidecar or manifest row."""
    call = keep_better_time(file.description.call, known.started_at, known.time_source)
    day = calendar.day_of(call.started_at)
    mark_dirty(connection, [known.day, day])
    update_metadata(connection, known.recording_id, day, metadata_columns(call, known.channels))


def _archive_sidecars(
    warehouse: Warehouse,
    archive: RecordingArchive,
    day: str,
    report: IngestReport,
    drop_root: bytes | None,
) -> None:
    """Move the day's sidecars beside their recordings in the archive."""
    with warehouse.read() as connection:
        for sidecar in files.read_sidecars(connection, day, drop_root):
            names, root = described_names(sidecar.name), sidecar.drop_root
            archived = [
                recording.archive_path
                for recording in (
                    *files.find_recordings(connection, root, "name", names),
                    *files.find_recordings(connection, root, "stem", names),
                )
                if recording.state == "ingested" and recording.archive_path
            ]
            if not archived:
                continue
            beside = str(Path(archived[0]).with_suffix(Path(sidecar.name).suffix.lower()))
            try:
                archive.store(sidecar.source_path, beside, copy=False, version=sidecar.version)
            except (FileNotFoundError, NotADirectoryError, ChangedFile):
                pass  # archived before, or another by now: the next scan sees it
            except OSError as error:
                report.problems.append(_explain(sidecar.name, error, _CURES_OF_ARCHIVING))


def _write_records(
    warehouse: Warehouse, archive: RecordingArchive, day: str, report: IngestReport
) -> None:
    """Keep the day's rows beside the archived files, where that has not the latest of them."""
    with warehouse.read() as connection:
        unrecorded = find_unrecorded(connection, day)
    for start in range(0, len(unrecorded), _BATCH):
        written: list[ArchiveRecord] = []
        # One transaction: what changes after it is written again.
        with warehouse.write(lock="intake") as connection:
            for record in read_archive_records(connection, unrecorded[start : start + _BATCH]):
                try:
                    archive.write_record(record)
                except OSError as error:
                    name = record.recording["source_name"]
                    report.problems.append(_explain(name, error, _CURES_OF_ARCHIVING))
                else:
                    written.append(record)
            mark_recorded(connection, written)


def _recording_values(
    connection: sa.Connection, file: IntakeRecording, found: Probe, target: str
) -> dict[str, Any]:
    original = find_original(connection, found.content_sha256) if not found.unreadable else None
    notes = "; ".join(found.notes)
    if found.unreadable:
        status, reason = "quarantined", found.unreadable
    elif original:
        status, reason = "duplicate", "the same audio came before under another name"
    else:
        status, reason = "ok", notes or None
    return {
        "recording_id": found.recording_id,
        "content_sha256": found.content_sha256,
        "source_name": file.name,
        "day": file.day,
        "channels": found.channels,
        "sample_rate": found.sample_rate,
        "duration_s": found.duration_s,
        "codec": found.encoding.codec if found.encoding else None,
        "codec_rate_hz": found.encoding.rate_hz if found.encoding else None,
        "size_bytes": file.size,
        "archive_path": target,
        "status": status,
        "reason": reason,
        "duplicate_of": original,
        "legal_hold": False,
        "ingested_at": datetime.now(UTC),
        **metadata_columns(file.description.call, found.channels),
    }
