"""A look at the drop folder: which files are there, which have settled, and what each call is.

The sensor and `callqa run` look through the same function. Everything is written down in `intake`
before any file moves; taking the files in is `ingest`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from callqa_assets.domain.calls.metadata import (
    LIMITS,
    CallMetadata,
    describe_call,
    is_manifest,
    keep_better_time,
    local_day,
    mask_numbers,
    parse_manifest,
    sidecar_names,
)
from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.partitions import FIRST_DAY, TIMEZONE
from callqa_assets.warehouse import files as rows
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.recordings import (
    mark_dirty,
    metadata_columns,
    read_recording,
    update_metadata,
)
from callqa_assets.warehouse.tables import intake
from resources.storage.drop_folder import DropFile, DropFolder

Kind = Literal["audio", "sidecar", "manifest"]


def kind_of(name: str) -> Kind:
    """By its name: JSON is a sidecar, [*.]manifest.csv a manifest, all else counts as audio."""
    if is_manifest(name):
        return "manifest"
    return "sidecar" if name.lower().endswith(".json") else "audio"


def _place(name: str) -> str:
    """Where a file is looked for: `X.JSON` at `X.json`."""
    return f"{name[: -len('.json')]}.json" if kind_of(name) == "sidecar" else name


@dataclass(frozen=True)
class ListingPlan:
    """What one listing means, against what earlier looks wrote down."""

    first_seen: list[DropFile] = field(default_factory=list)
    settled: list[DropFile] = field(default_factory=list)
    """Unchanged since an earlier look that is long enough ago."""
    reopened: list[rows.Key] = field(default_factory=list)
    """Delivered once more after they were taken in, or back after they had gone."""
    replaced: list[rows.Key] = field(default_factory=list)
    gone: list[rows.Key] = field(default_factory=list)
    waiting: list[DropFile] = field(default_factory=list)
    """Seen, not yet settled, or a recording whose sidecar is not."""


@dataclass(frozen=True)
class KnownFile:
    state: str
    first_seen_at: datetime


def plan_listing(
    files: Sequence[DropFile],
    known: Mapping[rows.Key, KnownFile],
    *,
    now: datetime,
    settle: timedelta,
) -> ListingPlan:
    """Compare a listing with what is known. Pure.

    A file has settled when an earlier look, at least `settle` ago, saw the same size and time of
    change; with `settle` zero, at once. A recording waits for its sidecar to settle.
    """
    plan = ListingPlan()
    listed = {rows.key_of(file): file for file in files}
    paths = {file.path for file in files}
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
    unsettled = {_place(file.display_name) for file in plan.waiting}
    for file in settled:
        waits = kind_of(file.display_name) == "audio" and not unsettled.isdisjoint(
            sidecar_names(file.display_name)
        )
        (plan.waiting if waits else plan.settled).append(file)
    for key, seen in known.items():
        if seen.state in ("seen", "stable") and key not in listed:
            (plan.replaced if key[0] in paths else plan.gone).append(key)
    return plan


@dataclass(frozen=True)
class Look:
    """What a look at the drop folder found."""

    listed: int
    settled: int
    """Recordings that got their day in this look."""
    waiting: int
    notes: tuple[str, ...]
    """What was wrong with metadata files; names places, never values."""


def look(
    warehouse: Warehouse,
    drop: DropFolder,
    config: MetadataConfig,
    *,
    now: datetime,
    settle: timedelta,
) -> Look:
    """List the drop folder once and write down what follows, in one transaction.

    Raises DropFolderError where the folder is missing.
    """
    with warehouse.write(lock="intake") as connection:
        # Inside the lock: what is ingested meanwhile must not look like delivered anew.
        files = drop.list_files()
        known = rows.read_known(connection, drop.root, [file.path for file in files])
        plan = plan_listing(
            files,
            {key: KnownFile(row.state, row.first_seen_at) for key, row in known.items()},
            now=now,
            settle=settle,
        )
        rows.insert_seen(
            connection, [(f, kind_of(f.display_name)) for f in plan.first_seen], drop.root, now
        )
        rows.update_intake(connection, plan.reopened, state="seen", first_seen_at=now)
        rows.update_intake(connection, plan.replaced, state="replaced")
        rows.update_intake(connection, plan.gone, state="gone")
        waiting = set(plan.waiting)
        describer = _Describer(
            connection, drop, config, now, [f for f in files if f not in waiting]
        )
        settled = [f for f in plan.settled if kind_of(f.display_name) == "audio"]
        for file in settled:
            describer.describe_new(file)
        for file in plan.settled:
            if kind_of(file.display_name) != "audio":
                describer.apply_late(file)
        mark_dirty(connection, describer.dirty)
    return Look(len(files), len(settled), len(plan.waiting), tuple(dict.fromkeys(describer.notes)))


class _Describer:
    """Finds each call's metadata among the settled files of one listing."""

    def __init__(
        self,
        connection: sa.Connection,
        drop: DropFolder,
        config: MetadataConfig,
        now: datetime,
        files: Sequence[DropFile],
    ) -> None:
        self._connection = connection
        self._drop = drop
        self._config = config
        self._now = now
        self._files = {_place(file.display_name): file for file in files}
        self._described: set[bytes] = set()
        self._unreadable: set[bytes] = set()
        self.notes: list[str] = []
        self.dirty: set[str] = set()

    @cached_property
    def _manifests(self) -> Mapping[str, Mapping[str, str]]:
        """Rows by recording, read when the first recording asks: most looks find nothing new."""
        found: dict[str, Mapping[str, str]] = {}
        for name, file in self._files.items():
            if kind_of(name) == "manifest" and (raw := self._read(file)) is not None:
                parsed = parse_manifest(raw, name)
                found |= parsed.rows
                self.notes += parsed.notes
        return found

    def describe_new(self, file: DropFile) -> None:
        """Give a settled recording its day."""
        name = file.display_name
        sidecar = next((self._files[s] for s in sidecar_names(name) if s in self._files), None)
        raw = self._read(sidecar) if sidecar else None
        known = {
            "sidecar": None if raw is None else raw.decode("utf-8", "replace"),
            "manifest_row": self._manifests.get(name),
            "mtime_s": file.mtime_ns / 1e9,
            "received_at": self._now.isoformat(),
        }
        call = self._describe(name, known)
        day = local_day(call.started_at, TIMEZONE)
        rows.update_intake(
            self._connection,
            [rows.key_of(file)],
            state="stable",
            stable_at=self._now,
            day=day,
            metadata={**known, "call": call.model_dump(mode="json")},
        )
        if sidecar:
            rows.update_intake(self._connection, [rows.key_of(sidecar)], day=day)
        self._described.add(file.path)
        self.dirty.add(day)

    def apply_late(self, file: DropFile) -> None:
        """Metadata that settled now: give it to the recordings that were known before."""
        late = [r for r in self._concerned(file) if r.source_path not in self._described]
        if any(row.state == "moving" for row in late):
            return  # being taken in at this moment: the next look applies it
        values: dict[str, Any] = {"state": "applied"}
        if kind_of(file.display_name) == "sidecar":
            place = _place(file.display_name)
            audio_is_here = any(place in sidecar_names(name) for name in self._files)
            if not late and not audio_is_here:
                return  # its recording may still come
            raw = self._read(file)
            for row in late:
                values["day"] = self._redescribe(row, raw)
                self.dirty.add(values["day"])  # a run of this day takes the sidecar in
        else:
            for row in late:
                self._redescribe(row, None)
        if file.path in self._unreadable:
            return  # the note says why; the next look tries again
        rows.update_intake(self._connection, [rows.key_of(file)], **values)

    def _concerned(self, file: DropFile) -> list[sa.Row[Any]]:
        """Recordings that a metadata file speaks of."""
        name, root = file.display_name, self._drop.root
        if kind_of(name) == "manifest":
            return rows.find_audio(self._connection, root, intake.c.name, list(self._manifests))
        base = rows.stem_of(name)
        return [
            *rows.find_audio(self._connection, root, intake.c.name, [base]),
            *rows.find_audio(self._connection, root, intake.c.stem, [base]),
        ]

    def _redescribe(self, row: sa.Row[Any], sidecar: bytes | None) -> str:
        """Merge what came late into a known recording; returns its day."""
        known = {key: row.metadata[key] for key in ("mtime_s", "received_at")}
        known["sidecar"] = (
            row.metadata["sidecar"] if sidecar is None else sidecar.decode("utf-8", "replace")
        )
        known["manifest_row"] = self._manifests.get(row.name, row.metadata["manifest_row"])
        before = CallMetadata.model_validate(row.metadata["call"])
        call = keep_better_time(
            self._describe(row.name, known), before.started_at, before.time_source
        )
        if call == before:
            return row.day
        day = local_day(call.started_at, TIMEZONE)
        rows.update_intake(
            self._connection,
            [rows.key_of_row(row)],
            day=day,
            metadata={**known, "call": call.model_dump(mode="json")},
        )
        self.dirty |= {row.day, day}
        recording = row.recording_id and read_recording(self._connection, row.recording_id)
        if recording:
            values = metadata_columns(call, recording.channels)
            update_metadata(self._connection, row.recording_id, day, values)
        return day

    def _describe(self, name: str, known: Mapping[str, Any]) -> CallMetadata:
        zone = ZoneInfo(TIMEZONE)
        tomorrow = self._now.astimezone(zone).date() + timedelta(days=1)
        return describe_call(
            name,
            sidecar=None if known["sidecar"] is None else known["sidecar"].encode(),
            manifest_row=known["manifest_row"],
            mtime_s=known["mtime_s"],
            received_at=datetime.fromisoformat(known["received_at"]),
            config=self._config,
            earliest=datetime.fromisoformat(FIRST_DAY).replace(tzinfo=zone),
            latest=datetime.combine(tomorrow, time.min, zone) - timedelta(microseconds=1),
        )

    def _read(self, file: DropFile) -> bytes | None:
        path = Path(os.fsdecode(file.path))
        try:
            # Without NUL, which is nowhere text and which PostgreSQL's JSON cannot hold.
            return path.read_bytes()[: LIMITS.max_manifest_bytes + 1].replace(b"\0", b"")
        except OSError as error:
            self._unreadable.add(file.path)
            self.notes.append(
                f"{mask_numbers(file.display_name)}: {error.strerror}: not used; let the user of "
                "callqa read it"
            )
            return None
