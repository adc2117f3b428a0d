"""Describing calls: their facts, merged from sidecar, manifest row, file name and settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.files import DropFile, lookup_name, sidecar_names, stem_of
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
from callqa_assets.warehouse.files import Description, IntakeRecording
from callqa_assets.warehouse.recordings import metadata_columns, read_recording, update_metadata
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
        """What was wrong with metadata files; names places, never values."""
        self.dirty: set[str] = set()
        """Days on which something is new."""

    @cached_property
    def _manifests(self) -> Mapping[str, Mapping[str, str]]:
        """Rows by recording, read when the first recording asks: most scans find nothing new."""
        found: dict[str, Mapping[str, str]] = {}
        for name, file in self._files.items():
            if file.kind == "manifest" and (raw := self._read(file)) is not None:
                parsed = parse_manifest(raw, name)
                found |= parsed.rows
                self.notes += parsed.notes
        return found

    def describe_new(self, file: DropFile) -> None:
        """Give a settled recording its facts and its day."""
        name = file.display_name
        sidecar = next((self._files[s] for s in sidecar_names(name) if s in self._files), None)
        raw = self._read(sidecar) if sidecar else None
        described = self._describe(
            name,
            sidecar=None if raw is None else _as_text(raw),
            manifest_row=self._manifests.get(name),
            mtime_s=file.mtime_ns / 1e9,
            received_at=self._now,
        )
        day = self._calendar.day_of(described.call.started_at)
        files.update_intake(
            self._connection,
            [file.key],
            state="stable",
            stable_at=self._now,
            day=day,
            metadata=described.to_json(),
        )
        if sidecar:
            files.update_intake(self._connection, [sidecar.key], day=day)
        self._described.add(file.path)
        self.dirty.add(day)

    def apply_late(self, file: DropFile) -> None:
        """Apply a metadata file that has just settled to the recordings that are known already."""
        late = [r for r in self._find_described_by(file) if r.source_path not in self._described]
        if any(recording.state == "moving" for recording in late):
            return  # being archived at this moment: the next scan applies it
        values: dict[str, Any] = {"state": "applied"}
        if file.kind == "sidecar":
            place = lookup_name(file.display_name)
            audio_is_here = any(place in sidecar_names(name) for name in self._files)
            if not late and not audio_is_here:
                return  # its recording may still come
            raw = self._read(file)
            for recording in late:
                values["day"] = self._describe_again(recording, raw)
                self.dirty.add(values["day"])  # a run of this day archives the sidecar
        else:
            for recording in late:
                self._describe_again(recording, None)
        if file.path in self._unreadable:
            return  # the note says why; the next scan tries again
        files.update_intake(self._connection, [file.key], **values)

    def _find_described_by(self, file: DropFile) -> list[IntakeRecording]:
        """Recordings that a metadata file describes."""
        connection, root = self._connection, self._drop.root
        if file.kind == "manifest":
            return files.find_recordings(connection, root, "name", list(self._manifests))
        base = stem_of(file.display_name)
        return [
            *files.find_recordings(connection, root, "name", [base]),
            *files.find_recordings(connection, root, "stem", [base]),
        ]

    def _describe_again(self, recording: IntakeRecording, sidecar: bytes | None) -> str:
        """Merge late metadata into a known recording; returns its day."""
        before = recording.description
        described = self._describe(
            recording.name,
            sidecar=before.sidecar if sidecar is None else _as_text(sidecar),
            manifest_row=self._manifests.get(recording.name, before.manifest_row),
            mtime_s=before.mtime_s,
            received_at=before.received_at,
            before=before.call,
        )
        if described.call == before.call:
            return recording.day
        day = self._calendar.day_of(described.call.started_at)
        files.update_intake(
            self._connection, [recording.key], day=day, metadata=described.to_json()
        )
        self.dirty |= {recording.day, day}
        if recording.recording_id is not None:
            known = read_recording(self._connection, recording.recording_id)
            if known:
                values = metadata_columns(described.call, known.channels)
                update_metadata(self._connection, known.recording_id, day, values)
        return day

    def _describe(
        self,
        name: str,
        *,
        sidecar: str | None,
        manifest_row: Mapping[str, str] | None,
        mtime_s: float,
        received_at: datetime,
        before: CallMetadata | None = None,
    ) -> Description:
        """The facts as they are now, with the start known before where its source is better."""
        call = describe_call(
            name,
            sidecar=None if sidecar is None else sidecar.encode(),
            manifest_row=manifest_row,
            mtime_s=mtime_s,
            received_at=received_at,
            config=self._config,
            earliest=self._calendar.begins_at,
            latest=self._calendar.end_of_day(self._now),
        )
        if before:
            call = keep_better_time(call, before.started_at, before.time_source)
        return Description(
            sidecar=sidecar,
            manifest_row=manifest_row,
            mtime_s=mtime_s,
            received_at=received_at,
            call=call,
        )

    def _read(self, file: DropFile) -> bytes | None:
        path = Path(os.fsdecode(file.path))
        try:
            # Without NUL, which is not part of any text and which PostgreSQL's JSON cannot hold.
            return path.read_bytes()[: LIMITS.max_manifest_bytes + 1].replace(b"\0", b"")
        except OSError as error:
            self._unreadable.add(file.path)
            self.notes.append(
                f"{mask_numbers(file.display_name)}: {error.strerror}: not used; give the user of "
                "callqa read permission"
            )
            return None


def _as_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
