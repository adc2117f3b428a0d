"""Making `recordings` and `intake` again from the records beside the archived files.

Rows that the warehouse has stay as they are. What the stages compute follows with the next run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa

from callqa_assets.warehouse.archive_records import ArchiveRecord, read_recording_ids, restore
from callqa_assets.warehouse.database import Warehouse, attempt
from callqa_assets.warehouse.dirty_days import mark_dirty
from resources.storage.archive import RecordingArchive
from resources.storage.home import Home


@dataclass
class RebuildReport:
    restored: int = 0
    known: int = 0
    """Recordings that the warehouse has already."""
    problems: list[str] = field(default_factory=list)
    """Archived files whose rows could not be made; each names its file, the cause and the cure."""


def rebuild(warehouse: Warehouse, home: Home) -> RebuildReport:
    """Restore the rows of every recorded file of the archive, in one transaction: all or none.

    Safe to repeat. Days of restored recordings become due. The warehouse must be this home's.
    """
    report = RebuildReport()
    archive = RecordingArchive(home)
    with home.lock("ingest"), warehouse.write(lock="intake") as connection:
        known = read_recording_ids(connection)
        report.known = len(known)
        days: set[str] = set()
        duplicates: list[ArchiveRecord] = []
        for record in _read_records(archive, known, report):
            if record.recording["duplicate_of"]:
                duplicates.append(record)  # after the rows that they refer to
            elif _restore(connection, record, report):
                days.add(record.day)
        for record in duplicates:
            if _restore(connection, record, report):
                days.add(record.day)
        mark_dirty(connection, days)
        report.problems += [
            f"{path.relative_to(home.root)}: no record beside it: copy it to the drop folder under "
            "its original name"
            for path in archive.unrecorded_files()
            if path.stem not in known
        ]
    return report


def _read_records(
    archive: RecordingArchive, known: set[str], report: RebuildReport
) -> Iterator[ArchiveRecord]:
    """Records of recordings that are not known yet; they are, then."""
    for path in archive.record_paths():
        try:
            record = ArchiveRecord.from_json(path.read_bytes())
            is_there = archive.absolute(record.archive_path).is_file()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            report.problems.append(
                f"{path.name}: it cannot be read ({type(error).__name__}): restore it from the "
                "backup, or copy the file beside it to the drop folder under its original name"
            )
            continue
        if record.recording_id in known:
            continue
        if not is_there:
            report.problems.append(
                f"{record.archive_path}: the file is missing, its record is there: restore it from "
                "the backup"
            )
            continue
        known.add(record.recording_id)
        yield record


def _restore(connection: sa.Connection, record: ArchiveRecord, report: RebuildReport) -> bool:
    if fault := attempt(connection, partial(restore, connection, record)):
        report.problems.append(
            f"{record.archive_path}: its rows do not fit the others ({type(fault).__name__}): copy "
            "it to the drop folder under its original name"
        )
        return False
    report.restored += 1
    return True
