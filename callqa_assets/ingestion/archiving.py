"""Archiving a day's settled files. After a kill at any point, the next call goes on.

For every file: hash and decode it; record its place in the archive; move it; write its recording.
What cannot be decoded goes to the quarantine with the reason. Nothing is deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import UnreadableAudio
from callqa_assets.domain.calls.files import FileKey, described_names
from callqa_assets.domain.calls.foreign_text import mask_numbers
from callqa_assets.domain.calls.metadata import keep_better_time
from callqa_assets.domain.days import Calendar
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.read_ahead import read_ahead
from callqa_assets.warehouse import files
from callqa_assets.warehouse.database import Warehouse
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
from resources.storage.archive import RecordingArchive, decode_file, recording_id_of
from resources.storage.hashing import hash_content
from resources.storage.home import Home

_BATCH = 32


@dataclass
class IngestReport:
    ingested: int = 0
    problems: list[str] = field(default_factory=list)
    """Files that could not be opened now; they stay where they are and are tried again."""


@dataclass(frozen=True)
class Probe:
    """What hashing and decoding a file found."""

    recording_id: str
    content_sha256: str
    channels: int = 0
    sample_rate: int = 0
    """Hz."""
    duration_s: float = 0.0
    notes: tuple[str, ...] = ()
    unreadable: str | None = None
    """The reason, where it goes to the quarantine."""


Probed = tuple[IntakeRecording, Probe]


class ChangedFile(Exception):  # noqa: N818 - no fault: the next scan sees another file
    """The file is not the one that `intake` knows."""


def ingest_day(
    warehouse: Warehouse, home: Home, day: str, *, run_id: str, copy: bool, progress: Progress
) -> IngestReport:
    """Ingest every settled file of a day; with `copy`, the originals stay.

    One process per home at a time. Raises only where the warehouse or the archive fails.
    """
    report = IngestReport()
    archive = RecordingArchive(home)
    with home.lock("ingest"):
        with warehouse.read() as connection:
            ready = files.read_ready(connection, day)
        probed = read_ahead(ready, lambda file: probe(archive, file))
        for batch in _batches(probed):
            good = _sort_out(warehouse, batch, report)
            _archive_files(
                warehouse, archive, home.calendar, good, report, run_id=run_id, copy=copy
            )
            progress("recordings", day, report.ingested + len(report.problems), len(ready))
        if not copy:
            _archive_sidecars(warehouse, archive, day)
    return report


def probe(archive: RecordingArchive, file: IntakeRecording) -> Probe:
    """Hash and decode one file of `intake`, where it lies now.

    Raises ChangedFile, FileNotFoundError, OSError.
    """
    path = Path(os.fsdecode(file.source_path))
    if file.state == "moving" and (archived := _find_archived(archive, file)):
        # Moved, then the process died. What may be at the source by now is another file.
        path = archived
    elif not _is_at_source(file):
        raise ChangedFile
    content_sha256 = hash_content(path)
    recording_id = recording_id_of(content_sha256, os.path.basename(file.source_path))
    try:
        audio = decode_file(path)
    except UnreadableAudio as error:
        return Probe(recording_id, content_sha256, unreadable=error.reason)
    return Probe(
        recording_id,
        content_sha256,
        channels=len(audio.samples),
        sample_rate=audio.sample_rate_hz,
        duration_s=audio.duration_s,
        notes=audio.notes,
    )


def _find_archived(archive: RecordingArchive, file: IntakeRecording) -> Path | None:
    """The file at its place in the archive; None where it is not there yet."""
    path = archive.absolute(file.archive_path) if file.archive_path else None
    return path if path and path.is_file() else None


def _is_at_source(file: IntakeRecording) -> bool:
    """True where the file lies in the drop folder as `intake` knows it; False where changed.

    Raises FileNotFoundError, OSError.
    """
    status = os.stat(file.source_path)
    return (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)


def _batches(
    probed: Iterator[tuple[IntakeRecording, Probe | Exception]],
) -> Iterator[list[tuple[IntakeRecording, Probe | Exception]]]:
    batch: list[tuple[IntakeRecording, Probe | Exception]] = []
    for item in probed:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _sort_out(
    warehouse: Warehouse,
    batch: Sequence[tuple[IntakeRecording, Probe | Exception]],
    report: IngestReport,
) -> list[Probed]:
    """Those that can be archived; the others are recorded for the next scan, or reported."""
    good: list[Probed] = []
    with warehouse.write(lock="intake") as connection:
        for file, result in batch:
            if isinstance(result, Probe):
                good.append((file, result))
            elif isinstance(result, ChangedFile):
                files.update_intake(connection, [file.key], state="replaced")
            elif isinstance(result, FileNotFoundError):
                files.update_intake(connection, [file.key], state="gone")
            elif isinstance(result, OSError):
                report.problems.append(
                    f"{mask_numbers(file.name)}: {result.strerror}: give the user of callqa read "
                    "and write permission; the file stays where it is"
                )
            else:  # a fault of the decoder: reported, so that the day's other files go on
                report.problems.append(
                    f"{mask_numbers(file.name)}: {type(result).__name__}: {result}; the file stays "
                    "where it is"
                )
    return good


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
            if _is_at_source(file):
                archive.store(file.source_path, target, copy=copy)
        except FileNotFoundError:
            pass  # already in the archive, or removed: which of them is checked below
        except PermissionError as error:
            stuck.add(file.key)
            report.problems.append(
                f"{mask_numbers(file.name)}: {error.strerror}: give the user of callqa write "
                "permission on its folder, or run with --copy; the file stays where it is"
            )
    with warehouse.write(lock="intake") as connection:
        for old, found, target in placed:
            if old.key in stuck:
                continue
            # Read again: a late sidecar may have changed it meanwhile.
            file = files.read_recording_file(connection, old.key)
            if not archive.absolute(target).is_file():
                # Changed or removed after it was decoded: the next scan sees what is there.
                files.update_intake(connection, [file.key], state="gone")
                continue
            known = read_recording(connection, found.recording_id)
            if known is None:
                values = _recording_values(connection, file, found, target)
                insert_recording(connection, {**values, "run_id": run_id})
            elif file.description.sidecar or file.description.manifest_row:
                _describe_again(connection, calendar, known, file)
            files.update_intake(connection, [file.key], state="copied" if copy else "ingested")
            report.ingested += 1


def _describe_again(
    connection: sa.Connection, calendar: Calendar, known: KnownRecording, file: IntakeRecording
) -> None:
    """Update a recording that arrived again with a sidecar or manifest row."""
    call = keep_better_time(file.description.call, known.started_at, known.time_source)
    day = calendar.day_of(call.started_at)
    mark_dirty(connection, [known.day, day])
    update_metadata(connection, known.recording_id, day, metadata_columns(call, known.channels))


def _archive_sidecars(warehouse: Warehouse, archive: RecordingArchive, day: str) -> None:
    """Move the day's sidecars beside their recordings in the archive."""
    with warehouse.read() as connection:
        for sidecar in files.read_sidecars(connection, day):
            names, root = described_names(sidecar.name), sidecar.drop_root
            archived = [
                recording.archive_path
                for recording in (
                    *files.find_recordings(connection, root, "name", names),
                    *files.find_recordings(connection, root, "stem", names),
                )
                if recording.state == "ingested" and recording.archive_path
            ]
            if archived and os.path.isfile(sidecar.source_path):
                extension = Path(sidecar.name).suffix.lower()
                beside = str(Path(archived[0]).with_suffix(extension))
                archive.store(sidecar.source_path, beside, copy=False)


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
        "size_bytes": file.size,
        "archive_path": target,
        "status": status,
        "reason": reason,
        "duplicate_of": original,
        "legal_hold": False,
        "ingested_at": datetime.now(UTC),
        **metadata_columns(file.description.call, found.channels),
    }
