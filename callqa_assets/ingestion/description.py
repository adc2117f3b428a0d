"""Describing calls: their facts, merged from sidecar, manifest row, file name and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.files import (
    DropFile,
    described_names,
    lookup_name,
    sidecar_names,
)
from callqa_assets.domain.calls.foreign_text import LIMITS
from callqa_assets.domain.calls.manifests import Manifest, capped
from callqa_assets.domain.calls.metadata import CallMetadata, describe_call, keep_better_time
from callqa_assets.domain.calls.shown_names import shown_name
from callqa_assets.domain.calls.sidecars import Sidecar, oversized_sidecar, parse_sidecar
from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.days import Calendar
from callqa_assets.ingestion.manifest_reader import ManifestReader, describe_unreadable
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
        manifests: ManifestReader,
        config: MetadataConfig,
        calendar: Calendar,
        now: datetime,
        listing: Sequence[DropFile],
    ) -> None:
        self._connection = connection
        self._drop = drop
        self._reader = manifests
        self._config = config
        self._calendar = calendar
        self._now = now
        self._files = {lookup_name(file.display_name): file for file in listing}
        self._described: set[bytes] = set()
        self._unreadable: set[bytes] = set()
        self._notes: dict[str, None] = {}
        self._call_notes: dict[str, list[str]] = {}
        """Names of recordings by note."""
        self._lonely: list[str] = []
        """Names of sidecars without a recording."""
        self.dirty: set[str] = set()
        """Days on which something is new."""

    def notes(self) -> tuple[str, ...]:
        """What was wrong with metadata, or assumed; names places, never values."""
        calls = [_together(note, "recordings", names) for note, names in self._call_notes.items()]
        if self._lonely:
            calls.append(_together("no recording of that name", "sidecars", self._lonely))
        return (*self._notes, *capped(calls))

    def describe_new(self, file: DropFile) -> None:
        """Give a settled recording its facts and its day; the listed manifests are read."""
        name = file.display_name
        sidecar = next((self._files[s] for s in sidecar_names(name) if s in self._files), None)
        content = self._read_sidecar(sidecar, name) if sidecar else None
        described = self._describe(
            name,
            sidecar=content,
            manifest_row=self._find_row(name),
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
        if sidecar and not self._is_oversized(sidecar):
            files.update_intake(self._connection, [sidecar.key], day=day)
        self._described.add(file.path)
        self.dirty.add(day)

    def apply_late(self, file: DropFile) -> None:
        """Apply a metadata file that has just settled to the recordings that are known already.

        A manifest is read.
        """
        if file.kind == "manifest":
            self._apply_manifest(file)
        else:
            self._apply_sidecar(file)

    def _apply_manifest(self, file: DropFile) -> None:
        manifest = self._reader.get(file)
        listed = [name for name, other in self._files.items() if other.kind == "audio"]
        names = {*self._reader.find_known(file), *listed}
        rows = {name: row for name in names if (row := manifest.find(name))}
        late = files.find_recordings(self._connection, self._drop.root, "name", list(rows))
        late = [r for r in late if r.source_path not in self._described]
        if any(recording.state == "moving" for recording in late):
            return  # being archived at this moment: the next scan applies it
        self._note(*manifest.notes)
        if unmatched := manifest.note_unmatched(rows.values()):
            self._note(unmatched)
        for recording in late:
            row = manifest.facts(rows[recording.name])
            self._describe_again(recording, recording.description.sidecar, row)
        if not self._reader.has_failed(file):  # else the note says why; the next scan tries again
            files.update_intake(self._connection, [file.key], state="applied")

    def _apply_sidecar(self, file: DropFile) -> None:
        connection, root = self._connection, self._drop.root
        names = described_names(file.display_name)
        late = [
            recording
            for recording in (
                *files.find_recordings(connection, root, "name", names),
                *files.find_recordings(connection, root, "stem", names),
            )
            if recording.source_path not in self._described
        ]
        if any(recording.state == "moving" for recording in late):
            return  # being archived at this moment: the next scan applies it
        if not late and lookup_name(file.display_name) not in self._sidecars_of_listing:
            self._lonely.append(file.display_name)
            return  # its recording may still come
        values: dict[str, Any] = {"state": "applied"}
        for recording in late:
            content = self._read_sidecar(file, recording.name)
            before = recording.description
            day = self._describe_again(recording, content or before.sidecar, before.manifest_row)
            self.dirty.add(day)  # a run of this day archives the sidecar
            if not self._is_oversized(file):
                values["day"] = day
        if file.path not in self._unreadable:  # else the note says why; the next scan tries again
            files.update_intake(self._connection, [file.key], **values)

    @cached_property
    def _sidecars_of_listing(self) -> set[str]:
        """Every name that a sidecar of a listed recording may have."""
        audio = [name for name, file in self._files.items() if file.kind == "audio"]
        return {sidecar for name in audio for sidecar in sidecar_names(name)}

    def _find_row(self, name: str) -> Mapping[str, str] | None:
        """The recording's row in the manifests; of several, that of the last manifest."""
        for manifest in reversed(self._manifests):
            if row := manifest.find(name):
                return manifest.facts(row)
        return None

    @cached_property
    def _manifests(self) -> list[Manifest]:
        """The settled manifests of the listing."""
        found = [file for file in self._files.values() if file.kind == "manifest"]
        manifests = [self._reader.get(file) for file in found]
        for manifest in manifests:
            self._note(*manifest.notes)
        return manifests

    def _note(self, *notes: str) -> None:
        self._notes |= dict.fromkeys(notes)

    def _describe_again(
        self,
        recording: IntakeRecording,
        sidecar: Sidecar | None,
        manifest_row: Mapping[str, str] | None,
    ) -> str:
        """Merge late metadata into a known recording; returns its day."""
        before = recording.description
        described = self._describe(
            recording.name,
            sidecar=sidecar,
            manifest_row=manifest_row,
            mtime_s=before.mtime_s,
            received_at=before.received_at,
            before=before.call,
        )
        if described.call == before.call:
            return recording.day
        day = self._calendar.day_of(described.call.started_at)
        files.update_intake(
            self._connection,
            [recording.key],
            day=day,
            metadata=described.to_json(),
            is_recorded=False,
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
        sidecar: Sidecar | None,
        manifest_row: Mapping[str, str] | None,
        mtime_s: float,
        received_at: datetime,
        before: CallMetadata | None = None,
    ) -> Description:
        """The facts as they are now, with the start known before where its source is better."""
        call = describe_call(
            name,
            sidecar=sidecar,
            manifest_row=manifest_row,
            mtime_s=mtime_s,
            received_at=received_at,
            config=self._config,
            earliest=self._calendar.begins_at,
            latest=self._calendar.end_of_day(self._now),
        )
        if before:
            call = keep_better_time(call, before.started_at, before.time_source)
        for note in call.notes:
            self._call_notes.setdefault(note, []).append(name)
        return Description(
            sidecar=sidecar,
            manifest_row=manifest_row,
            mtime_s=mtime_s,
            received_at=received_at,
            call=call,
        )

    def _read_sidecar(self, file: DropFile, recording: str) -> Sidecar | None:
        """What the sidecar says of the recording of that name; None where it cannot be opened."""
        if self._is_oversized(file):
            return oversized_sidecar()
        try:
            raw = self._drop.read(file, LIMITS.max_sidecar_bytes)
        except OSError as error:
            self._unreadable.add(file.path)
            self._note(describe_unreadable(file, error))
            return None
        source, _ = self._config.source_of(recording)
        return parse_sidecar(raw, source.xml)

    @staticmethod
    def _is_oversized(file: DropFile) -> bool:
        return file.size > LIMITS.max_sidecar_bytes


def _together(note: str, things: str, names: Sequence[str]) -> str:
    """A note of one or several files, of which one is named."""
    first = shown_name(names[0])
    return f"{first}: {note}" if len(names) == 1 else f"{len(names)} {things}: {note} ({first}, …)"
