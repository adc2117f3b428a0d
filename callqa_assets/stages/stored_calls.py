"""Stored calls as input of the alert rules, many calls in few queries.

`domain.rules.engine` evaluates the rules; nothing here computes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.days import Calendar
from callqa_assets.domain.rules.call_input import CallAnnotations, CallContext
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.stages.spoken_segments import read_sounds, read_spoken_segments
from callqa_assets.warehouse.database import Warehouse, chunks
from callqa_assets.warehouse.tables import stage_runs
from resources.storage.lake import EmotionLake

STAGES = ("segments", "transcripts", "emotions")


@dataclass(frozen=True)
class StoredCall:
    """What the rules read, and what an alert names as its source."""

    context: CallContext
    annotations: CallAnnotations
    fingerprints: dict[str, str]
    """Stage to the fingerprint of what is stored: which models it came from."""


def load_stored_calls(
    warehouse: Warehouse, lake: EmotionLake, calendar: Calendar, recordings: Sequence[Recording]
) -> list[StoredCall]:
    """These recordings' calls, in their order; all their stages must be stored.

    Raises FileNotFoundError naming a lake file that the ledger names and that is gone.
    """
    ids = [recording.recording_id for recording in recordings]
    artifacts: dict[tuple[str, str], str] = {}
    fingerprints: dict[tuple[str, str], str] = {}
    with warehouse.read() as connection:
        for recording_id, stage, artifact, fingerprint in _read(connection, _ledger, ids):
            artifacts[recording_id, stage] = artifact
            fingerprints[recording_id, stage] = fingerprint
        spoken = read_spoken_segments(connection, ids)
        sounds = read_sounds(connection, ids)
    tracks = lake.read({i: artifacts[i, "emotions"] for i in ids})
    return [
        StoredCall(
            call_context(recording, spoken[recording.recording_id], calendar),
            CallAnnotations(
                tracks[recording.recording_id],
                spoken[recording.recording_id],
                sounds[recording.recording_id],
            ),
            {stage: fingerprints[recording.recording_id, stage] for stage in STAGES},
        )
        for recording in recordings
    ]


def call_context(
    recording: Recording, spoken: Sequence[SpokenSegment], calendar: Calendar
) -> CallContext:
    """The call's facts; its language is the one most spoken where no metadata names it.

    Roles are those of the segments, where the metadata's are wrong: two copies of one mixed
    channel.
    """
    roles = {segment.channel: segment.role for segment in spoken}
    languages: defaultdict[str, float] = defaultdict(float)
    for segment in spoken:
        if segment.language:
            languages[segment.language] += segment.end_s - segment.start_s
    detected = max(languages, key=lambda name: (languages[name], name), default=None)
    language = recording.facts.language or detected
    return CallContext(
        recording_id=recording.recording_id,
        duration_s=recording.duration_s,
        roles=tuple(
            roles.get(channel, role) for channel, role in enumerate(recording.channel_roles)
        ),
        facts=recording.facts.model_copy(update={"language": language}),
        hour=calendar.localize(recording.started_at).hour,
    )


def _read(connection: sa.Connection, query: sa.Executable, ids: Sequence[str]) -> Iterable[Any]:
    for some in chunks(ids):
        yield from connection.execute(query, {"ids": some})


_ledger = sa.select(
    stage_runs.c.recording_id, stage_runs.c.stage, stage_runs.c.artifact, stage_runs.c.fingerprint
).where(
    stage_runs.c.recording_id.in_(sa.bindparam("ids", expanding=True)),
    stage_runs.c.stage.in_(STAGES),
)
