"""Scanning the drop folder, the landing zone of recordings: what is there, what has settled.

The sensor and `callqa run` scan through the same function. Everything is recorded in `intake`
before any file moves; `description` finds each call's facts, `archiving` moves the files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from callqa_assets.domain.calls.files import DropFile, FileKey, lookup_name, sidecar_names
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.days import Calendar
from callqa_assets.ingestion.description import CallDescriber
from callqa_assets.ingestion.manifest_reader import ManifestReader, UnreadManifests
from callqa_assets.warehouse import files
from callqa_assets.warehouse.database import Warehouse, attempt, chunks
from callqa_assets.warehouse.dirty_days import mark_dirty
from callqa_assets.warehouse.files import KnownFile
from resources.storage.drop_folder import DropFolder, summarize


@dataclass(frozen=True)
class ListingPlan:
    """What one listing means, compared with what earlier scans recorded."""

    first_seen: list[DropFile] = field(default_factory=list)
    settled: list[DropFile] = field(default_factory=list)
    """Unchanged since an earlier scan that is long enough ago."""
    reopened: list[FileKey] = field(default_factory=list)
    """Delivered again after they were ingested, back after they had gone, or first seen at a
    time that is yet to come: the clock was ahead then, or has been put back since."""
    replaced: list[FileKey] = field(default_factory=list)
    gone: list[FileKey] = field(default_factory=list)
    waiting: list[DropFile] = field(default_factory=list)
    """Not settled yet, or a recording whose sidecar has not settled."""


def plan_listing(
    listing: Sequence[DropFile],
    known: Mapping[FileKey, KnownFile],
    *,
    now: datetime,
    settle: timedelta,
    unread: Collection[bytes] = (),
) -> ListingPlan:
    """Compare a listing with what is known. Pure.

    A file has settled when an earlier scan, at least `settle` ago, saw the same size and time of
    change; with `settle` zero, at once. A recording waits for its sidecar to settle. What lies in
    the folders `unread` is not gone.
    """
    plan = ListingPlan()
    listed = {file.key: file for file in listing}
    paths = {file.path for file in listing}
    settled: list[DropFile] = []
    for key, file in listed.items():
        seen = known.get(key)
        if seen is None:
            plan.first_seen.append(file)
        elif seen.state in ("gone", "replaced", "ingested"):
            plan.reopened.append(key)
        elif seen.state != "seen":
            continue
        elif now < seen.first_seen_at:
            plan.reopened.append(key)
        elif now - seen.first_seen_at >= settle:
            settled.append(file)
            continue
        (plan.waiting if settle else settled).append(file)
    unsettled = {lookup_name(file.display_name) for file in plan.waiting}
    for file in settled:
        waits = file.kind == "audio" and not unsettled.isdisjoint(sidecar_names(file.display_name))
        (plan.waiting if waits else plan.settled).append(file)
    for key, seen in known.items():
        if seen.state not in ("seen", "stable") or key in listed:
            continue
        if key[0] in paths:
            plan.replaced.append(key)
        elif not _is_in(key[0], unread):
            plan.gone.append(key)
    return plan


def _is_in(path: bytes, folders: Collection[bytes]) -> bool:
    """Whether the path is one of these, or lies in one of them at any depth."""
    while path:
        if path in folders:
            return True
        path = path.rpartition(b"/")[0]
    return False


@dataclass(frozen=True)
class ScanResult:
    """What a scan of the drop folder found."""

    listed: int
    settled: int
    """Recordings that were given their day in this scan."""
    waiting: int
    left_out: int
    """Files and folders that could not be used; `notes` names the first of them at each scan."""
    notes: tuple[str, ...]
    """What was wrong with files and metadata; names places, never values."""


def scan(
    warehouse: Warehouse,
    drop: DropFolder,
    config: MetadataConfig,
    calendar: Calendar,
    *,
    now: datetime,
    settle: timedelta,
    at_most: int | None = None,
) -> ScanResult:
    """List the drop folder and record what follows, in one transaction.

    Manifests are read outside of it, and only where a recording or a manifest is new.

    At most `at_most` recordings are given their day; the rest waits for the next scan. A file that
    cannot be recorded is left out and named, at each scan again; the others go on.
    Raises DropFolderError where the folder cannot be listed.
    """
    manifests = ManifestReader(warehouse, drop)
    while True:
        try:
            return _scan(
                warehouse,
                drop,
                manifests,
                config,
                calendar,
                now=now,
                settle=settle,
                at_most=at_most,
            )
        except UnreadManifests as unread:
            manifests.read(unread)


def _scan(
    warehouse: Warehouse,
    drop: DropFolder,
    manifests: ManifestReader,
    config: MetadataConfig,
    calendar: Calendar,
    *,
    now: datetime,
    settle: timedelta,
    at_most: int | None,
) -> ScanResult:
    """`scan`, in one transaction. Raises UnreadManifests where a manifest is to be read first."""
    with warehouse.write(lock="intake") as connection:
        # Inside the lock: what is archived meanwhile must not seem to be delivered again.
        found = drop.list_files()
        listing = found.files
        known = files.read_known(connection, drop.root, [file.path for file in listing])
        plan = plan_listing(listing, known, now=now, settle=settle, unread=found.unread)
        waiting = set(plan.waiting)
        settled = [file for file in listing if file not in waiting]
        if any(file.kind != "sidecar" for file in plan.settled):
            manifests.need(
                [file for file in settled if file.kind == "manifest"],
                new=[file for file in plan.settled if file.kind == "manifest"],
            )
        each = _Each(connection, found.left_out)
        each.do(plan.first_seen, lambda new: files.insert_seen(connection, new, drop.root, now))
        files.update_intake(connection, plan.reopened, state="seen", first_seen_at=now, attempts=0)
        files.update_intake(connection, plan.replaced, state="replaced")
        files.update_intake(connection, plan.gone, state="gone")
        describer = CallDescriber(connection, drop, manifests, config, calendar, now, settled)
        recordings = [file for file in plan.settled if file.kind == "audio"]
        postponed = recordings[at_most:] if at_most is not None else []
        described = each.do(recordings[:at_most], _one_by_one(describer.describe_new))
        others = [file for file in plan.settled if file.kind != "audio"]
        each.do(others, _one_by_one(describer.apply_late))
        mark_dirty(connection, describer.dirty)
    notes = [*describer.notes(), *summarize(found)]
    awaited = sum(seen.state in ("seen", "stable") for seen in known.values())
    if awaited and drop.root in found.unread:
        notes.append(
            f"the drop folder is empty, but {awaited} of its files are still to be ingested: "
            "mount it if it is a share; if they were removed, they are forgotten with the next "
            "file that arrives"
        )
    return ScanResult(
        listed=len(listing),
        settled=described,
        waiting=len(plan.waiting) + len(postponed),
        left_out=len(found.left_out),
        notes=tuple(dict.fromkeys(notes)),
    )


def _one_by_one(work: Callable[[DropFile], None]) -> Callable[[Sequence[DropFile]], None]:
    def work_on(listed: Sequence[DropFile]) -> None:
        for file in listed:
            work(file)

    return work_on


@dataclass(frozen=True)
class _Each:
    """Does something to each of many files in one transaction; one's fault is not the others'."""

    connection: sa.Connection
    left_out: list[str]
    failed: set[FileKey] = field(default_factory=set)

    def do(self, listed: Sequence[DropFile], work: Callable[[Sequence[DropFile]], None]) -> int:
        """Do `work`, which takes any number of files; returns for how many it was done.

        Those at which something failed before are skipped.
        """
        done = 0
        for part in chunks([file for file in listed if file.key not in self.failed]):
            if attempt(self.connection, partial(work, part)) is None:
                done += len(part)
                continue
            for file in part:
                if fault := attempt(self.connection, partial(work, [file])):
                    self.failed.add(file.key)
                    self.left_out.append(
                        f"{shown_name(file.display_name)}: it cannot be recorded "
                        f"({type(fault).__name__}): left where it is; rename it, or deliver it "
                        "again"
                    )
                else:
                    done += 1
        return done
