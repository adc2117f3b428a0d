"""Copies of recordings in which personal data is silent, for people who may hear the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callqa_assets.domain.audio.silencing import widen_spans
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.speech import Span
from callqa_assets.stages.pii import FINGERPRINT, INPUTS
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.ledger import Ledger
from callqa_assets.warehouse.pii import (
    PlaceInSound,
    channels_hear_each_other,
    read_places_to_silence,
)
from callqa_assets.warehouse.recordings import find_good_recordings, read_good_recordings
from resources.storage.home import Home
from resources.storage.redacted_copies import CopyFormat, write_silenced

MARGIN_S = 0.15
"""Silenced before and after the words, whose times are that exact."""


class RedactionError(CallqaError):
    """What was asked for cannot be redacted; the message says what to do."""


@dataclass(frozen=True)
class Redaction:
    """What was silenced in one copy."""

    recording_id: str
    path: Path
    kinds: Mapping[str, int]
    """Kind to its number of places; a number over several segments is one."""
    silenced_s: float
    """Of the recording's time, whether on one channel or on all."""
    on_all_channels: bool


def select_recordings(
    warehouse: Warehouse, names: Sequence[str], day: str | None
) -> list[Recording]:
    """The good recordings with these recording or call ids, and those of the day.

    Raises RedactionError where a name or the day has none.
    """
    found: dict[str, Recording] = {}
    with warehouse.read() as connection:
        for name in names:
            own = find_good_recordings(connection, name)
            if not own:
                raise RedactionError(
                    f"no good recording has the recording or call id {name!r}: ids are in the "
                    "table recordings"
                )
            found |= {recording.recording_id: recording for recording in own}
        if day is not None:
            own = read_good_recordings(connection, day)
            if not own:
                raise RedactionError(f"{day} has no good recordings")
            found |= {recording.recording_id: recording for recording in own}
    return list(found.values())


def require_outside(home: Home, folder: Path) -> None:
    """Raises RedactionError where copies would lie among the recordings they are made from."""
    for taken in (home.archive, home.quarantine, home.drop):
        if folder.resolve().is_relative_to(taken.resolve()):
            raise RedactionError(f"{folder} is in {taken}: name a folder for copies outside of it")


def find_searched(warehouse: Warehouse, recordings: Sequence[Recording]) -> set[str]:
    """The recordings whose stored transcripts were searched by the present recognisers."""
    return {
        recording_id
        for day in {recording.day for recording in recordings}
        for recording_id in Ledger(warehouse, INPUTS, FINGERPRINT, day, "redact").read_day().current
    }


def redact(
    warehouse: Warehouse,
    home: Home,
    recording: Recording,
    folder: Path,
    *,
    file_format: CopyFormat = "flac",
    low_confidence: bool = False,
    all_channels: bool = False,
) -> Redaction:
    """Write a copy named by the recording's id, which tells nothing about the call.

    Words are silenced on the channel that says them; on all where the recording's channels carry
    one sound or leak into each other, or with `all_channels`. Raises UnreadableAudio, OSError.
    """
    with warehouse.read() as connection:
        places = read_places_to_silence(
            connection, recording.recording_id, low_confidence=low_confidence
        )
        everywhere = all_channels or channels_hear_each_other(connection, recording.recording_id)
    path = folder / f"{recording.recording_id}.{file_format}"
    silent = _silent_spans(places, recording.channels, everywhere=everywhere)
    write_silenced(
        home.root / recording.archive_path, recording.encoding, silent, path, file_format
    )
    whole = widen_spans((span for spans in silent.values() for span in spans), 0.0)
    return Redaction(
        recording.recording_id,
        path,
        Counter(place.kind for place in places if place.part in ("whole", "first")),
        sum(
            min(span.end_s, recording.duration_s) - span.start_s
            for span in whole
            if span.start_s < recording.duration_s
        ),
        everywhere and recording.channels > 1,
    )


def _silent_spans(
    places: Sequence[PlaceInSound], channels: int, *, everywhere: bool
) -> dict[int, list[Span]]:
    """The seconds to silence on each channel, ascending and disjoint."""
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for place in places:
        for channel in range(channels) if everywhere else (place.channel,):
            spans[channel].append(Span(place.start_s, place.end_s))
    return {channel: widen_spans(own, MARGIN_S) for channel, own in spans.items()}
