"""Taking a day's settled files into the archive. Killed anywhere, the next call goes on.

For every file: hash and decode it; write down where it will lie; move it; write its recording. What
cannot be decoded goes to the quarantine with its reason. Nothing is deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import UnreadableAudio, decode_audio
from callqa_assets.domain.calls.files import stem_of
from callqa_assets.domain.calls.metadata import CallMetadata, keep_better_time, mask_numbers
from callqa_assets.domain.days import Calendar
from callqa_assets.stages.contract import Progress
from callqa_assets.stages.read_ahead import read_ahead
from callqa_assets.warehouse import files
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dirty_days import mark_dirty
from callqa_assets.warehouse.recordings import (
    find_original,
    insert_recording,
    metadata_columns,
    read_recording,
    update_metadata,
)
from callqa_assets.warehouse.tables import intake
from resources.storage.archive import RecordingArchive, hash_content, recording_id_of
from resources.storage.home import Home

_BATCH = 32


@dataclass
class IngestReport:
    ingested: int = 0
    problems: list[str] = field(default_factory=list)
    """Files that could not be opened now; they stay where they are and are tried again."""


@dataclass(frozen=True)
class Probe:
    """What decoding a file once told."""

    recording_id: str
    content_sha256: str
    channels: int
    sample_rate: int
    duration_s: float
    notes: tuple[str, ...]
    unreadable: str | None
    """The reason, where it goes to the quarantine."""


class ChangedFile(Exception):  # noqa: N818 - no fault: the next look sees the file anew
    """The file is not the one that intake wrote down."""


def ingest_day(
    warehouse: Warehouse, home: Home, day: str, *, run_id: str, copy: bool, progress: Progress
) -> IngestReport:
    """Take in every settled file of a day; with `copy`, the originals stay.

    One process on a home at a time. Raises only where the warehouse or the archive fails.
    """
    report = IngestReport()
    archive = RecordingArchive(home)
    with home.lock("ingest"):
        with warehouse.read() as connection:
            ready = files.read_ready(connection, day)
        probed = read_ahead(ready, lambda row: probe(archive, row))
        for batch in _batches(probed):
            good = _sort_out(warehouse, batch, report)
            _take(warehouse, archive, home.calendar, good, report, run_id=run_id, copy=copy)
            progress("recordings", day, report.ingested + len(report.problems), len(ready))
        if not copy:
            _take_sidecars(warehouse, archive, day)
    return report


Probed = tuple[sa.Row[Any], Probe]


def probe(archive: RecordingArchive, row: sa.Row[Any]) -> Probe:
    """Hash and decode one file of intake, where it lies now.

    Raises ChangedFile, FileNotFoundError, OSError.
    """
    path = row.source_path
    name = os.path.basename(path)
    if row.state == "moving" and archive.absolute(row.archive_path).is_file():
        # Moved, then the process died. What may lie at the source by now is another file.
        path = os.fsencode(archive.absolute(row.archive_path))
    elif not _is_at_source(row):
        raise ChangedFile
    content_sha256 = hash_content(path)
    recording_id = recording_id_of(content_sha256, name)
    try:
        audio = decode_audio(Path(os.fsdecode(path)))
    except UnreadableAudio as error:
        return Probe(recording_id, content_sha256, 0, 0, 0.0, (), error.reason)
    return Probe(
        recording_id,
        content_sha256,
        len(audio.samples),
        audio.sample_rate_hz,
        audio.duration_s,
        audio.notes,
        None,
    )


def _batches(
    probed: Iterator[tuple[sa.Row[Any], Probe | Exception]],
) -> Iterator[list[tuple[sa.Row[Any], Probe | Exception]]]:
    batch: list[tuple[sa.Row[Any], Probe | Exception]] = []
    for item in probed:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _sort_out(
    warehouse: Warehouse,
    batch: Sequence[tuple[sa.Row[Any], Probe | Exception]],
    report: IngestReport,
) -> list[Probed]:
    """Those that can be taken in; the others are written down for the next look."""
    good: list[Probed] = []
    with warehouse.write(lock="intake") as connection:
        for row, result in batch:
            key = files.key_of_row(row)
            if isinstance(result, Probe):
                good.append((row, result))
            elif isinstance(result, ChangedFile):
                files.update_intake(connection, [key], state="replaced")
            elif isinstance(result, FileNotFoundError):
                files.update_intake(connection, [key], state="gone")
            elif isinstance(result, OSError):
                report.problems.append(
                    f"{mask_numbers(row.name)}: {result.strerror}: give the user of callqa read "
                    "and write permission; the file stays where it is"
                )
            else:  # a decoder's own fault: recorded, so that the day's other files go on
                report.problems.append(
                    f"{mask_numbers(row.name)}: {type(result).__name__}: {result}; the file stays "
                    "where it is"
                )
    return good


def _is_at_source(row: sa.Row[Any]) -> bool:
    """True where the row's file lies in the drop folder as intake saw it; False where changed.

    Raises FileNotFoundError, OSError.
    """
    status = os.stat(row.source_path)
    return (status.st_size, status.st_mtime_ns) == (row.size, row.mtime_ns)


def _take(
    warehouse: Warehouse,
    archive: RecordingArchive,
    calendar: Calendar,
    batch: Sequence[Probed],
    report: IngestReport,
    *,
    run_id: str,
    copy: bool,
) -> None:
    """Decide the places, move the files, write the recordings: a crash between loses nothing."""
    placed = [
        (
            row,
            found,
            archive.path_for(
                found.recording_id, row.source_path, quarantined=found.unreadable is not None
            ),
        )
        for row, found in batch
    ]
    with warehouse.write(lock="intake") as connection:
        for row, found, target in placed:
            files.update_intake(
                connection,
                [files.key_of_row(row)],
                state="moving",
                recording_id=found.recording_id,
                archive_path=target,
            )
    stuck: set[files.Key] = set()
    for row, _, target in placed:
        try:
            if _is_at_source(row):
                archive.take(row.source_path, target, copy=copy)
        except FileNotFoundError:
            pass  # it lies in the archive already, or was taken away: seen below
        except PermissionError as error:
            stuck.add(files.key_of_row(row))
            report.problems.append(
                f"{mask_numbers(row.name)}: {error.strerror}: give the user of callqa write "
                "permission on its folder, or run with --copy; the file stays where it is"
            )
    with warehouse.write(lock="intake") as connection:
        for old, found, target in placed:
            if files.key_of_row(old) in stuck:
                continue
            # Read again: a late sidecar may have changed it since.
            row = files.read_row(connection, files.key_of_row(old))
            if not archive.absolute(target).is_file():
                # Changed or taken away after it was decoded: the next look sees what is there.
                files.update_intake(connection, [files.key_of_row(row)], state="gone")
                continue
            known = read_recording(connection, found.recording_id)
            if known is None:
                values = _recording_values(connection, row, found, target)
                insert_recording(connection, {**values, "run_id": run_id})
            elif row.metadata["sidecar"] or row.metadata["manifest_row"]:
                _describe_again(connection, calendar, known, row)
            files.update_intake(
                connection, [files.key_of_row(row)], state="copied" if copy else "ingested"
            )
            report.ingested += 1


def _describe_again(
    connection: sa.Connection, calendar: Calendar, known: sa.Row[Any], row: sa.Row[Any]
) -> None:
    """A recording came once more, with a sidecar or manifest row: these may say more."""
    call = keep_better_time(
        CallMetadata.from_json(row.metadata["call"]), known.started_at, known.time_source
    )
    day = calendar.day_of(call.started_at)
    mark_dirty(connection, [known.day, day])
    update_metadata(connection, known.recording_id, day, metadata_columns(call, known.channels))


def _take_sidecars(warehouse: Warehouse, archive: RecordingArchive, day: str) -> None:
    """Lay the day's sidecars beside their recordings in the archive."""
    with warehouse.read() as connection:
        sidecars = files.read_sidecars(connection, day)
        for sidecar in sidecars:
            base = stem_of(sidecar.name)
            taken = [
                row.archive_path
                for column in (intake.c.name, intake.c.stem)
                for row in files.find_audio(connection, sidecar.drop_root, column, [base])
                if row.state == "ingested"
            ]
            if taken and os.path.isfile(sidecar.source_path):
                beside = str(Path(taken[0]).with_suffix(".json"))
                archive.take(sidecar.source_path, beside, copy=False)


def _recording_values(
    connection: sa.Connection, row: sa.Row[Any], found: Probe, target: str
) -> dict[str, Any]:
    call = CallMetadata.from_json(row.metadata["call"])
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
        "source_name": row.name,
        "day": row.day,
        "channels": found.channels,
        "sample_rate": found.sample_rate,
        "duration_s": found.duration_s,
        "size_bytes": row.size,
        "archive_path": target,
        "status": status,
        "reason": reason,
        "duplicate_of": original,
        "legal_hold": False,
        "ingested_at": datetime.now(UTC),
        **metadata_columns(call, found.channels),
    }
