"""The facts of each call: merged from sidecar, manifest row, file name and settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.files import DropFile, kind_of, lookup_name, sidecar_names, stem_of
from callqa_assets.domain.calls.metadata import (
    LIMITS,
    CallMetadata,
    describe_call,
    keep_better_time,
    mask_numbers,
    parse_manifest,
)
from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.days import Calendar
from callqa_assets.warehouse import files
from callqa_assets.warehouse.recordings import metadata_columns, read_recording, update_metadata
from callqa_assets.warehouse.tables import intake
from resources.storage.drop_folder import DropFolder


class CallDescriber:
    """Finds each call's metadata among the settled files of one listing."""

    def __init__(
        self,
        connection: sa.Connection,
        drop: DropFolder,
        config: MetadataConfig,
        calendar: Calendar,
        now: datetime,
        listing: Sequence[DropFile],
    ) -> None:
        self._connection = connection
        self._drop = drop
        self._config = config
        self._calendar = calendar
        self._now = now
        self._files = {lookup_name(file.display_name): file for file in listing}
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
        day = self._calendar.day_of(call.started_at)
        files.update_intake(
            self._connection,
            [files.key_of(file)],
            state="stable",
            stable_at=self._now,
            day=day,
            metadata={**known, "call": call.to_json()},
        )
        if sidecar:
            files.update_intake(self._connection, [files.key_of(sidecar)], day=day)
        self._described.add(file.path)
        self.dirty.add(day)

    def apply_late(self, file: DropFile) -> None:
        """Metadata that settled now: give it to the recordings that were known before."""
        late = [r for r in self._concerned(file) if r.source_path not in self._described]
        if any(row.state == "moving" for row in late):
            return  # being taken in at this moment: the next look applies it
        values: dict[str, Any] = {"state": "applied"}
        if kind_of(file.display_name) == "sidecar":
            place = lookup_name(file.display_name)
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
        files.update_intake(self._connection, [files.key_of(file)], **values)

    def _concerned(self, file: DropFile) -> list[sa.Row[Any]]:
        """Recordings that a metadata file speaks of."""
        name, root = file.display_name, self._drop.root
        if kind_of(name) == "manifest":
            return files.find_audio(self._connection, root, intake.c.name, list(self._manifests))
        base = stem_of(name)
        return [
            *files.find_audio(self._connection, root, intake.c.name, [base]),
            *files.find_audio(self._connection, root, intake.c.stem, [base]),
        ]

    def _redescribe(self, row: sa.Row[Any], sidecar: bytes | None) -> str:
        """Merge what came late into a known recording; returns its day."""
        known = {key: row.metadata[key] for key in ("mtime_s", "received_at")}
        known["sidecar"] = (
            row.metadata["sidecar"] if sidecar is None else sidecar.decode("utf-8", "replace")
        )
        known["manifest_row"] = self._manifests.get(row.name, row.metadata["manifest_row"])
        before = CallMetadata.from_json(row.metadata["call"])
        call = keep_better_time(
            self._describe(row.name, known), before.started_at, before.time_source
        )
        if call == before:
            return row.day
        day = self._calendar.day_of(call.started_at)
        files.update_intake(
            self._connection,
            [files.key_of_row(row)],
            day=day,
            metadata={**known, "call": call.to_json()},
        )
        self.dirty |= {row.day, day}
        recording = row.recording_id and read_recording(self._connection, row.recording_id)
        if recording:
            values = metadata_columns(call, recording.channels)
            update_metadata(self._connection, row.recording_id, day, values)
        return day

    def _describe(self, name: str, known: Mapping[str, Any]) -> CallMetadata:
        return describe_call(
            name,
            sidecar=None if known["sidecar"] is None else known["sidecar"].encode(),
            manifest_row=known["manifest_row"],
            mtime_s=known["mtime_s"],
            received_at=datetime.fromisoformat(known["received_at"]),
            config=self._config,
            earliest=self._calendar.begins_at,
            latest=self._calendar.end_of_day(self._now),
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
