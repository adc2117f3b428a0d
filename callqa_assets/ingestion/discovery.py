"""Scanning the drop folder, the landing zone of recordings: what is there, what has settled.

The sensor and `callqa run` scan through the same function. Everything is recorded in `intake`
before any file moves; `description` finds each call's facts, `archiving` moves the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callqa_assets.domain.calls.files import DropFile, FileKey, lookup_name, sidecar_names
from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.days import Calendar
from callqa_assets.ingestion.description import CallDescriber
from callqa_assets.ingestion.manifest_reader import ManifestReader, UnreadManifests
from callqa_assets.warehouse import files
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.dirty_days import mark_dirty
from callqa_assets.warehouse.files import KnownFile
from resources.storage.drop_folder import DropFolder


@dataclass(frozen=True)
class ListingPlan:
    """What one listing means, compared with what earlier scans recorded."""

    first_seen: list[DropFile] = field(default_factory=list)
    settled: list[DropFile] = field(default_factory=list)
    """Unchanged since an earlier scan that is long enough ago."""
    reopened: list[FileKey] = field(default_factory=list)
    """Delivered again after they were ingested, or back after they had gone."""
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
) -> ListingPlan:
    """Compare a listing with what is known. Pure.

    A file has settled when an earlier scan, at least `settle` ago, saw the same size and time of
    change; with `settle` zero, at once. A recording waits for its sidecar to settle.
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
        elif now - seen.first_seen_at >= settle:
            settled.append(file)
            continue
        (plan.waiting if settle else settled).append(file)
    unsettled = {lookup_name(file.display_name) for file in plan.waiting}
    for file in settled:
        waits = file.kind == "audio" and not unsettled.isdisjoint(sidecar_names(file.display_name))
        (plan.waiting if waits else plan.settled).append(file)
    for key, seen in known.items():
        if seen.state in ("seen", "stable") and key not in listed:
            (plan.replaced if key[0] in paths else plan.gone).append(key)
    return plan


@dataclass(frozen=True)
class ScanResult:
    """What a scan of the drop folder found."""

    listed: int
    settled: int
    """Recordings that were given their day in this scan."""
    waiting: int
    notes: tuple[str, ...]
    """What was wrong with metadata files; names places, never values."""


def scan(
    warehouse: Warehouse,
    drop: DropFolder,
    config: MetadataConfig,
    calendar: Calendar,
    *,
    now: datetime,
    settle: timedelta,
) -> ScanResult:
    """List the drop folder and record what follows, in one transaction.

    Manifests are read outside of it, and only where a recording or a manifest is new.

    Raises DropFolderError where the folder is missing.
    """
    manifests = ManifestReader(warehouse, drop)
    while True:
        try:
            return _scan(warehouse, drop, manifests, config, calendar, now=now, settle=settle)
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
) -> ScanResult:
    """`scan`, in one transaction. Raises UnreadManifests where a manifest is to be read first."""
    with warehouse.write(lock="intake") as connection:
        # Inside the lock: what is archived meanwhile must not seem to be delivered again.
        listing = drop.list_files()
        known = files.read_known(connection, drop.root, [file.path for file in listing])
        plan = plan_listing(listing, known, now=now, settle=settle)
        waiting = set(plan.waiting)
        settled = [file for file in listing if file not in waiting]
        if any(file.kind != "sidecar" for file in plan.settled):
            manifests.need(
                [file for file in settled if file.kind == "manifest"],
                new=[file for file in plan.settled if file.kind == "manifest"],
            )
        files.insert_seen(connection, plan.first_seen, drop.root, now)
        files.update_intake(connection, plan.reopened, state="seen", first_seen_at=now)
        files.update_intake(connection, plan.replaced, state="replaced")
        files.update_intake(connection, plan.gone, state="gone")
        describer = CallDescriber(connection, drop, manifests, config, calendar, now, settled)
        recordings = [file for file in plan.settled if file.kind == "audio"]
        for file in recordings:
            describer.describe_new(file)
        for file in plan.settled:
            if file.kind != "audio":
                describer.apply_late(file)
        mark_dirty(connection, describer.dirty)
    return ScanResult(
        listed=len(listing),
        settled=len(recordings),
        waiting=len(plan.waiting),
        notes=describer.notes(),
    )
